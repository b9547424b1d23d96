// What tensor cores make of a sum of products: a float32, cut off towards zero. NVIDIA documents no rounding; Fasi, Higham, Mikaitis and Pranesh found truncation on V100,
// T4 and A100 ("Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science 7, 2021), of each term and a bit or two further down; here the sum is exact
// before it is cut off. It is what long reductions lose their last digits by.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace dk::host {

__attribute__((always_inline)) inline float cut_off(double sum)
{
    // One less in its bits is the next towards zero. Without a branch, so that several go at once.
    float nearest = static_cast<float>(sum);
    float size = std::fabs(nearest);
    auto beyond = static_cast<std::uint32_t>(size > std::fabs(sum)) & static_cast<std::uint32_t>(size <= std::numeric_limits<float>::max());
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) - beyond);
}

}  // namespace dk::host
