// clip_factor_f32: factor = min(1, most / sqrt(squares)), and 1 where squares is NaN
//
// squares is the sum of the squares of all gradients (pointwise/sum.cu); each gradient is then multiplied by factor, so that all of them
// together are at most as long as `most`. On the device, because a recorded step reads nothing back.
// Layout    squares, factor: one float each.
// Grid      one block of 32, of which one thread works.
#include "../dk/cuda.cuh"

extern "C" __global__ void __launch_bounds__(32) clip_factor_f32(const float* squares, float most, float* factor)
{
    if (threadIdx.x == 0) {
        float length = sqrtf(squares[0]);
        factor[0] = length > most ? most / length : 1.0f;
    }
}
DK_KERNEL(clip_factor_f32);
