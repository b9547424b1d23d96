// One or four consecutive floats as a value: four are loaded and stored as 128 bits, from addresses that are multiples of 16.
#pragma once

#include "cuda.cuh"

namespace dk {

template <int Width>
struct Floats {
    static_assert(Width == 1 || Width == 4, "128-bit accesses or single ones");
    float at[Width];
};

template <int Width>
__device__ __forceinline__ Floats<Width> load_floats(const float* x)
{
    if constexpr (Width == 4) {
        float4 v = *reinterpret_cast<const float4*>(x);
        return {{v.x, v.y, v.z, v.w}};
    } else {
        return {{*x}};
    }
}

template <int Width>
__device__ __forceinline__ void store_floats(float* y, const Floats<Width>& v)
{
    if constexpr (Width == 4) {
        *reinterpret_cast<float4*>(y) = make_float4(v.at[0], v.at[1], v.at[2], v.at[3]);
    } else {
        *y = v.at[0];
    }
}

}  // namespace dk
