// The maximum and the sum of exponentials of a pixel's scores in one reading, by one warp (Milakov and Gimelshein, "Online normalizer calculation
// for softmax", 2018): whenever the maximum rises, the sum so far is scaled down. For more classes than registers hold.
#pragma once

#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"

namespace dk {

struct OnlineSum {
    float most; // the largest score so far
    float sum;  // of e^(score - most)

    __device__ __forceinline__ void add(float other_most, float other_sum)
    {
        float highest = fmaxf(most, other_most);
        // Equal maxima need no scaling, and infinite ones have no difference.
        sum = (most == highest ? sum : sum * expf(most - highest)) + (other_most == highest ? other_sum : other_sum * expf(other_most - highest));
        most = highest;
    }
};

// The same bits in every lane.
template <class T>
__device__ __forceinline__ OnlineSum online_sum(const T* scores, int channels)
{
    OnlineSum own = {-INFINITY, 0.0f};
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        own.add(to_float(scores[c]), 1.0f);
    }

    for (int distance = 16; distance > 0; distance /= 2) {
        float most = __shfl_down_sync(0xFFFFFFFFu, own.most, distance);
        float sum = __shfl_down_sync(0xFFFFFFFFu, own.sum, distance);
        own.add(most, sum);
    }

    return {__shfl_sync(0xFFFFFFFFu, own.most, 0), __shfl_sync(0xFFFFFFFFu, own.sum, 0)};
}

}  // namespace dk
