// Sums over a block in a fixed order: a shuffle tree in each warp, then the warps in turn. The same bits in every run.
#pragma once

#include "cuda.cuh"

namespace dk {

// The sum over a warp, valid in lane 0.
template <class T>
__device__ __forceinline__ T warp_sum_to_first(T value)
{
    for (int distance = 16; distance > 0; distance /= 2) {
        value += __shfl_down_sync(0xFFFFFFFFu, value, distance);
    }

    return value;
}

// The sum over a warp, the same bits in every lane.
template <class T>
__device__ __forceinline__ T warp_sum(T value)
{
    for (int distance = 16; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    }

    return value;
}

// The sum over a block of Warps whole warps, valid in thread 0. All threads come; sums is shared, one a warp, and free before the call.
template <int Warps>
__device__ __forceinline__ double block_sum_to_first(double value, double* sums)
{
    value = warp_sum_to_first(value);
    if (threadIdx.x % 32 == 0) {
        sums[threadIdx.x / 32] = value;
    }

    __syncthreads();
    if (threadIdx.x == 0) {
        for (int warp = 1; warp < Warps; warp++) {
            value += sums[warp];
        }
    }

    return value;
}

}  // namespace dk
