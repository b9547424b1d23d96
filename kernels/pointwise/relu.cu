// relu_forward_f32: y = max(x, 0), where NaN stays NaN, and relu_backward_f32: dx = y > 0 ? dy : 0, from the ReLU's output.
//
// Layout    any; count elements of float32, contiguous. y may be x; dx may be dy.
// Grid      any number of blocks of any size: each thread strides over the elements by the grid's number of threads.
// Access    float4 for as long as four elements are left, when all addresses are multiples of 16; else one by one.
// Bytes     forward 8 an element, backward 12. At 8 x 64 x 66 x 66 (2.2 M elements): 17.8 MB and 26.8 MB, bound by memory.
#include "../dk/cuda.cuh"
#include "vectorized.cuh"

extern "C" __global__ void __launch_bounds__(256) relu_forward_f32(const float* x, float* y, long long count)
{
    dk::for_each_element(count, dk::aligned_to_16(x, y), [=](auto i) {
        // Not fmaxf, which would turn NaN into 0.
        dk::store(y, i, dk::map(dk::load(x, i), [](float v) { return v < 0.0f ? 0.0f : v; }));
    });
}
DK_KERNEL(relu_forward_f32);

extern "C" __global__ void __launch_bounds__(256) relu_backward_f32(const float* y, const float* dy, float* dx, long long count)
{
    dk::for_each_element(count, dk::aligned_to_16(y, dy, dx), [=](auto i) {
        dk::store(dx, i, dk::zip(dk::load(y, i), dk::load(dy, i), [](float out, float d) { return out > 0.0f ? d : 0.0f; }));
    });
}
DK_KERNEL(relu_backward_f32);
