// What tensor cores make of a sum of products: a float32, cut off towards zero. NVIDIA documents no rounding; Fasi, Higham, Mikaitis and Pranesh found truncation on V100,
// T4 and A100 ("Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science 7, 2021), of each term and a bit or two further down; here the sum is exact
// before it is cut off. It is what long reductions lose their last digits by.
#pragma once

#include <cmath>

namespace dk::host {

__attribute__((always_inline)) inline float cut_off(double sum)
{
    float nearest = static_cast<float>(sum);
    return std::fabs(static_cast<double>(nearest)) > std::fabs(sum) && !std::isinf(nearest) ? std::nextafter(nearest, 0.0f) : nearest;
}

}  // namespace dk::host
