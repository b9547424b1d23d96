// add_f32, add_bf16, add_f32_to_bf16 (x and z float32, y bfloat16): y = x + z, and scale_by_f32, scale_by_bf16: y = x * scalar[0].
//
// Layout    any; count elements of float32 or bfloat16, contiguous; scalar is float32. y may be x or z where all are of one type.
// Grid      any number of blocks of any size: each thread strides over the elements by the grid's number of threads.
// Access    128 bits for as long as four float32 or eight bfloat16 are left, when all addresses are multiples of 16; else one by one.
// Bytes     float32 add 12 an element, scale_by 8; bfloat16 half. At 8 x 64 x 66 x 66 (2.2 M elements): 26.8 MB and 17.8 MB in float32, bound by
//           memory.
#include "../dk/cuda.cuh"
#include "vectorized.cuh"

namespace {

template <class T, class To>
__device__ __forceinline__ void add(const T* x, const T* z, To* y, long long count)
{
    dk::for_each_element<dk::Wide<To>>(count, dk::aligned_to_16(x, z, y), [=](auto i) {
        dk::store(y, i, dk::zip(dk::load(x, i), dk::load(z, i), [](float a, float b) { return a + b; }));
    });
}

template <class T>
__device__ __forceinline__ void scale_by(const T* x, const float* scalar, T* y, long long count)
{
    float factor = __ldg(scalar);
    dk::for_each_element<dk::Wide<T>>(count, dk::aligned_to_16(x, y), [=](auto i) {
        dk::store(y, i, dk::map(dk::load(x, i), [=](float a) { return a * factor; }));
    });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) add_f32(const float* x, const float* z, float* y, long long count) { add(x, z, y, count); }
DK_KERNEL(add_f32);

extern "C" __global__ void __launch_bounds__(256) add_bf16(const dk::bf16* x, const dk::bf16* z, dk::bf16* y, long long count) { add(x, z, y, count); }
DK_KERNEL(add_bf16);

extern "C" __global__ void __launch_bounds__(256) add_f32_to_bf16(const float* x, const float* z, dk::bf16* y, long long count) { add(x, z, y, count); }
DK_KERNEL(add_f32_to_bf16);

extern "C" __global__ void __launch_bounds__(256) scale_by_f32(const float* x, const float* scalar, float* y, long long count) { scale_by(x, scalar, y, count); }
DK_KERNEL(scale_by_f32);

extern "C" __global__ void __launch_bounds__(256) scale_by_bf16(const dk::bf16* x, const float* scalar, dk::bf16* y, long long count) { scale_by(x, scalar, y, count); }
DK_KERNEL(scale_by_bf16);
