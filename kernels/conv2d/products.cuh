// What a warp's tensor cores make of fragments that were loaded as they lie in memory. A product gets the columns of a step first, and rows after that.
//
//   Bf16Product        bfloat16 operands, exact products, float32 sums
//   Tf32Product        float32 operands rounded to TF32 (11 significant bits), float32 sums
//   Tf32x3Product      float32 operands as big + small, two TF32 each: small * big and big * small are added before big * big, only small * small, 2^-22 of
//                      the product, is left out, and the threads add each step's sum of 8 to the whole. An infinite operand gives NaN.
#pragma once

#include "../ptx/mma.cuh"

namespace dk {

struct Bf16Product {
    using Element = __nv_bfloat16;

    template <int N>
    struct Columns {
        unsigned values[N][2];

        __device__ __forceinline__ explicit Columns(const unsigned (&loaded)[N][2])
        {
#pragma unroll
            for (int j = 0; j < N; j++) {
                values[j][0] = loaded[j][0];
                values[j][1] = loaded[j][1];
            }
        }

        __device__ __forceinline__ void add_product(const unsigned (&row)[4], float (&sum)[N][4]) const
        {
#pragma unroll
            for (int j = 0; j < N; j++) {
                mma_bf16(sum[j], row, values[j]);
            }
        }
    };
};

template <int Count>
__device__ __forceinline__ void round_to_tf32(unsigned (&rounded)[Count], const unsigned (&values)[Count])
{
#pragma unroll
    for (int r = 0; r < Count; r++) {
        rounded[r] = to_tf32(__uint_as_float(values[r]));
    }
}

struct Tf32Product {
    using Element = float;

    template <int N>
    struct Columns {
        unsigned values[N][2];

        __device__ __forceinline__ explicit Columns(const unsigned (&loaded)[N][2])
        {
#pragma unroll
            for (int j = 0; j < N; j++) {
                round_to_tf32(values[j], loaded[j]);
            }
        }

        __device__ __forceinline__ void add_product(const unsigned (&row)[4], float (&sum)[N][4]) const
        {
            unsigned rounded[4];
            round_to_tf32(rounded, row);
#pragma unroll
            for (int j = 0; j < N; j++) {
                mma_tf32(sum[j], rounded, values[j]);
            }
        }
    };
};

template <int Count>
__device__ __forceinline__ void split_to_tf32(unsigned (&big)[Count], unsigned (&small)[Count], const unsigned (&values)[Count])
{
#pragma unroll
    for (int r = 0; r < Count; r++) {
        float value = __uint_as_float(values[r]);
        big[r] = to_tf32(value);
        small[r] = to_tf32(value - tf32_value(big[r]));
    }
}

struct Tf32x3Product {
    using Element = float;

    template <int N>
    struct Columns {
        unsigned big[N][2], small[N][2];

        __device__ __forceinline__ explicit Columns(const unsigned (&loaded)[N][2])
        {
#pragma unroll
            for (int j = 0; j < N; j++) {
                split_to_tf32(big[j], small[j], loaded[j]);
            }
        }

        __device__ __forceinline__ void add_product(const unsigned (&row)[4], float (&sum)[N][4]) const
        {
            unsigned big_row[4], small_row[4];
            split_to_tf32(big_row, small_row, row);
            // Summed by themselves first: what tensor cores add to is cut off below its last bit each time, and over a long reduction that is many times float32's error.
#pragma unroll
            for (int j = 0; j < N; j++) {
                float step[4] = {0.0f, 0.0f, 0.0f, 0.0f};
                mma_tf32(step, small_row, big[j]);
                mma_tf32(step, big_row, small[j]);
                mma_tf32(step, big_row, big[j]);
#pragma unroll
                for (int r = 0; r < 4; r++) {
                    sum[j][r] += step[r];
                }
            }
        }
    };
};

}  // namespace dk
