// A loop over the elements of contiguous arrays, 128 bits at a time where addresses allow: the body is written once and gets an index of several
// elements or of one.
#pragma once

#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"

namespace dk {

// Stands for elements [Width * at, Width * at + Width).
template <int Width>
struct Index {
    long long at;
};

template <class T, int Width>
__device__ __forceinline__ Floats<Width> load(const T* x, Index<Width> i) { return load_floats<Width>(x + Width * i.at); }

template <class T, int Width>
__device__ __forceinline__ void store(T* y, Index<Width> i, const Floats<Width>& v) { store_floats<Width>(y + Width * i.at, v); }

template <int Width, class F>
__device__ __forceinline__ Floats<Width> map(Floats<Width> a, F f)
{
#pragma unroll
    for (int k = 0; k < Width; k++) {
        a.at[k] = f(a.at[k]);
    }

    return a;
}

template <int Width, class F>
__device__ __forceinline__ Floats<Width> zip(Floats<Width> a, const Floats<Width>& b, F f)
{
#pragma unroll
    for (int k = 0; k < Width; k++) {
        a.at[k] = f(a.at[k], b.at[k]);
    }

    return a;
}

template <class... Pointers>
__device__ __forceinline__ bool aligned_to_16(Pointers... pointers)
{
    return ((reinterpret_cast<uintptr_t>(pointers) | ...) & 15) == 0;
}

template <int Width, class Body>
__device__ __forceinline__ void for_each_element(long long count, bool wide, Body body)
{
    long long first = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    long long wide_count = wide ? count / Width : 0;
    for (long long i = first; i < wide_count; i += stride) {
        body(Index<Width>{i});
    }

    for (long long i = Width * wide_count + first; i < count; i += stride) {
        body(Index<1>{i});
    }
}

}  // namespace dk
