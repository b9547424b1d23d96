// One axis of a bilinear interpolation as the host writes it out (ResampleAxis): output o is weight0(o) x(first(o)) + weight1(o) x(first(o) + 1), where
// the second term is absent, and its weight 0, past the last input. first never decreases, so the outputs that read input i are a range.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

struct Axis {
    const int* first;     // an output
    const float* weight0; // an output
    const float* weight1; // an output
    const int* start;     // an input, and one after the last: the first output whose first is that or more
    int in_extent, out_extent;

    __device__ __forceinline__ int readers_begin(int i) const { return i == 0 ? 0 : __ldg(start + i - 1); }
    __device__ __forceinline__ int readers_end(int i) const { return __ldg(start + i + 1); }
    __device__ __forceinline__ float weight(int o, int i) const { return __ldg(first + o) == i ? __ldg(weight0 + o) : __ldg(weight1 + o); }
};

}  // namespace dk
