// A store of 16 or 8 bytes to global memory in one instruction, where the compiler makes several of it: it merges what two branches write to one place.
//
//   store_16(place, four);    place is a multiple of 16
//   store_8(place, two);      of 8
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

#if defined(__CUDACC__)

__device__ __forceinline__ void store_16(float* place, float4 v)
{
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};\n" ::"l"(__cvta_generic_to_global(place)), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w) : "memory");
}

__device__ __forceinline__ void store_8(float* place, float2 v)
{
    asm volatile("st.global.v2.f32 [%0], {%1, %2};\n" ::"l"(__cvta_generic_to_global(place)), "f"(v.x), "f"(v.y) : "memory");
}

#else

__attribute__((always_inline)) inline void store_8(float* place, float2 v) { *reinterpret_cast<float2*>(place) = v; }
__attribute__((always_inline)) inline void store_16(float* place, float4 v) { *reinterpret_cast<float4*>(place) = v; }

#endif

}  // namespace dk
