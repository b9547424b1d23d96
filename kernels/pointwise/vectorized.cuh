// A loop over the elements of contiguous arrays, four at a time where addresses allow: the body is written once and gets an
// index of four elements or of one.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

// Stands for elements [4 * at, 4 * at + 4), or for element at.
struct QuadIndex { long long at; };
struct SingleIndex { long long at; };

__device__ __forceinline__ float4 load(const float* x, QuadIndex i) { return reinterpret_cast<const float4*>(x)[i.at]; }
__device__ __forceinline__ float load(const float* x, SingleIndex i) { return x[i.at]; }
__device__ __forceinline__ void store(float* y, QuadIndex i, float4 v) { reinterpret_cast<float4*>(y)[i.at] = v; }
__device__ __forceinline__ void store(float* y, SingleIndex i, float v) { y[i.at] = v; }

template <class F>
__device__ __forceinline__ float map(float a, F f) { return f(a); }

template <class F>
__device__ __forceinline__ float4 map(float4 a, F f) { return make_float4(f(a.x), f(a.y), f(a.z), f(a.w)); }

template <class F>
__device__ __forceinline__ float zip(float a, float b, F f) { return f(a, b); }

template <class F>
__device__ __forceinline__ float4 zip(float4 a, float4 b, F f) { return make_float4(f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w)); }

template <class... Pointers>
__device__ __forceinline__ bool aligned_to_16(Pointers... pointers)
{
    return ((reinterpret_cast<uintptr_t>(pointers) | ...) & 15) == 0;
}

template <class Body>
__device__ __forceinline__ void for_each_element(long long count, bool quads, Body body)
{
    long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    long long quad_count = quads ? count / 4 : 0;
    for (long long i = first; i < quad_count; i += stride) {
        body(QuadIndex{i});
    }

    for (long long i = 4 * quad_count + first; i < count; i += stride) {
        body(SingleIndex{i});
    }
}

}  // namespace dk
