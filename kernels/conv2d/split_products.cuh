// float32 on tensor cores that multiply bfloat16: each operand is a sum of three bfloat16, big + middle + small, exactly (3 x 8 significant bits are the 24 of
// a float32). Six of the nine products are taken, the smallest first; what is left out is at most 2^-24 of a product. Of two parts, 16 of the bits, three products are taken,
// and what is left out is at most some 2^-16: less than TF32 loses, 2^-11.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

// Which part of a meets which of b.
template <int Parts>
struct SplitProducts;

template <>
struct SplitProducts<1> {
    static constexpr int Count = 1;

    __host__ __device__ static constexpr int a(int) { return 0; }
    __host__ __device__ static constexpr int b(int) { return 0; }
};

template <>
struct SplitProducts<2> {
    static constexpr int Count = 3;

    __host__ __device__ static constexpr int a(int product) { return product == 0 ? 1 : 0; }
    __host__ __device__ static constexpr int b(int product) { return product == 1 ? 1 : 0; }
};

template <>
struct SplitProducts<3> {
    static constexpr int Count = 6;

    __host__ __device__ static constexpr int a(int product) { return product == 0 ? 2 : product == 2 || product == 3 ? 1 : 0; }
    __host__ __device__ static constexpr int b(int product) { return product == 1 ? 2 : product == 2 || product == 4 ? 1 : 0; }
};

// Channels of a part in memory: whole products of 16, so that none reads into the next part.
__host__ __device__ constexpr int part_channels(int channels) { return (channels + 15) / 16 * 16; }

}  // namespace dk
