// Elements of memory, float32 or bfloat16, as floats in registers: loads widen, stores round once (to nearest, ties to even). Wide<T> elements are
// 128 bits: four float32, eight bfloat16. Accesses of several elements need addresses that are multiples of their size, up to 16 bytes.
#pragma once

#include <cstring>

#include "cuda.cuh"

namespace dk {

using bf16 = __nv_bfloat16;

template <class T>
constexpr int Wide = 16 / static_cast<int>(sizeof(T));

template <int Width>
struct Floats {
    float at[Width];
};

__device__ __forceinline__ float to_float(float v) { return v; }
__device__ __forceinline__ float to_float(bf16 v) { return __bfloat162float(v); }

__device__ __forceinline__ void store(float* y, float v) { *y = v; }
__device__ __forceinline__ void store(bf16* y, float v) { *y = __float2bfloat16_rn(v); }

// v as an element of type T has it.
template <class T>
__device__ __forceinline__ float round_to(float v);

template <>
__device__ __forceinline__ float round_to<float>(float v) { return v; }

template <>
__device__ __forceinline__ float round_to<bf16>(float v) { return __bfloat162float(__float2bfloat16_rn(v)); }

// Width elements as they are in memory, in as many registers as they have words: for what is loaded early and used late.
template <class T, int Width>
struct Packed {
    unsigned words[(Width + 1) / 2];

    __device__ __forceinline__ float get(int i) const { return __uint_as_float(i % 2 == 0 ? words[i / 2] << 16 : words[i / 2] & 0xFFFF0000u); }
};

template <int Width>
struct Packed<float, Width> {
    float at[Width];

    __device__ __forceinline__ float get(int i) const { return at[i]; }
};

template <int Width>
__device__ __forceinline__ Packed<float, Width> load_packed(const float* x)
{
    if constexpr (Width == 1) {
        return {{*x}};
    } else {
        static_assert(Width % 4 == 0, "whole accesses of 128 bits");
        Packed<float, Width> v;
#pragma unroll
        for (int i = 0; i < Width; i += 4) {
            float4 quad = *reinterpret_cast<const float4*>(x + i);
            v.at[i] = quad.x;
            v.at[i + 1] = quad.y;
            v.at[i + 2] = quad.z;
            v.at[i + 3] = quad.w;
        }

        return v;
    }
}

template <int Width>
__device__ __forceinline__ Packed<bf16, Width> load_packed(const bf16* x)
{
    static_assert(Width == 1 || Width == 4 || Width == 8, "one element, 64 or 128 bits");
    if constexpr (Width == 8) {
        uint4 v = *reinterpret_cast<const uint4*>(x);
        return {{v.x, v.y, v.z, v.w}};
    } else if constexpr (Width == 4) {
        uint2 v = *reinterpret_cast<const uint2*>(x);
        return {{v.x, v.y}};
    } else {
        return {{__bfloat16_as_ushort(*x)}};
    }
}

template <int Width, class T>
__device__ __forceinline__ Floats<Width> load_floats(const T* x)
{
    Packed<T, Width> packed = load_packed<Width>(x);
    Floats<Width> v;
#pragma unroll
    for (int i = 0; i < Width; i++) {
        v.at[i] = packed.get(i);
    }

    return v;
}

template <int Width>
__device__ __forceinline__ void store_floats(float* y, const Floats<Width>& v)
{
    if constexpr (Width == 1) {
        *y = v.at[0];
    } else {
        static_assert(Width % 4 == 0, "whole accesses of 128 bits");
#pragma unroll
        for (int i = 0; i < Width; i += 4) {
            *reinterpret_cast<float4*>(y + i) = make_float4(v.at[i], v.at[i + 1], v.at[i + 2], v.at[i + 3]);
        }
    }
}

// Two elements in a word, the first in its lower half.
__device__ __forceinline__ unsigned pack(float first, float second)
{
    __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
    unsigned word;
    memcpy(&word, &pair, sizeof(word));
    return word;
}

template <int Width>
__device__ __forceinline__ void store_floats(bf16* y, const Floats<Width>& v)
{
    static_assert(Width == 1 || Width == 4 || Width == 8, "one element, 64 or 128 bits");
    if constexpr (Width == 8) {
        *reinterpret_cast<uint4*>(y) = make_uint4(pack(v.at[0], v.at[1]), pack(v.at[2], v.at[3]), pack(v.at[4], v.at[5]), pack(v.at[6], v.at[7]));
    } else if constexpr (Width == 4) {
        *reinterpret_cast<uint2*>(y) = make_uint2(pack(v.at[0], v.at[1]), pack(v.at[2], v.at[3]));
    } else {
        store(y, v.at[0]);
    }
}

}  // namespace dk
