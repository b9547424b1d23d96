// relu_forward_f32, relu_forward_bf16:     y = max(x, 0), where NaN stays NaN
// relu_backward_f32, relu_backward_bf16:   dx = y > 0 ? dy : 0, from the ReLU's output
//
// Layout    any; count elements of float32 or bfloat16, contiguous. y may be x; dx may be dy.
// Grid      any number of blocks of any size: each thread strides over the elements by the grid's number of threads.
// Access    128 bits for as long as four float32 or eight bfloat16 are left, when all addresses are multiples of 16; else one by one.
// Bytes     float32 forward 8 an element, backward 12; bfloat16 half. At 8 x 64 x 66 x 66 (2.2 M elements): 17.8 MB and 26.8 MB in float32, bound
//           by memory.
#include "../dk/cuda.cuh"
#include "vectorized.cuh"

namespace {

template <class T>
__device__ __forceinline__ void relu_forward(const T* x, T* y, long long count)
{
    dk::for_each_element<dk::Wide<T>>(count, dk::aligned_to_16(x, y), [=](auto i) {
        // Not fmaxf, which would turn NaN into 0.
        dk::store(y, i, dk::map(dk::load(x, i), [](float v) { return v < 0.0f ? 0.0f : v; }));
    });
}

template <class T>
__device__ __forceinline__ void relu_backward(const T* y, const T* dy, T* dx, long long count)
{
    dk::for_each_element<dk::Wide<T>>(count, dk::aligned_to_16(y, dy, dx), [=](auto i) {
        dk::store(dx, i, dk::zip(dk::load(y, i), dk::load(dy, i), [](float out, float d) { return out > 0.0f ? d : 0.0f; }));
    });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) relu_forward_f32(const float* x, float* y, long long count) { relu_forward(x, y, count); }
DK_KERNEL(relu_forward_f32);

extern "C" __global__ void __launch_bounds__(256) relu_forward_bf16(const dk::bf16* x, dk::bf16* y, long long count) { relu_forward(x, y, count); }
DK_KERNEL(relu_forward_bf16);

extern "C" __global__ void __launch_bounds__(256) relu_backward_f32(const float* y, const float* dy, float* dx, long long count) { relu_backward(y, dy, dx, count); }
DK_KERNEL(relu_backward_f32);

extern "C" __global__ void __launch_bounds__(256) relu_backward_bf16(const dk::bf16* y, const dk::bf16* dy, dk::bf16* dx, long long count) { relu_backward(y, dy, dx, count); }
DK_KERNEL(relu_backward_bf16);
