// cast_f32_bf16: y = x rounded to nearest, ties to even, and cast_bf16_f32: y = x, exactly.
//
// Layout    any; count elements, contiguous.
// Grid      any number of blocks of any size: each thread strides over the elements by the grid's number of threads.
// Access    eight elements at a time, 128 bits of bfloat16 and twice that of float32, when all addresses are multiples of 16; else one by one.
// Bytes     6 an element. At 8 x 64 x 66 x 66 (2.2 M elements): 13.4 MB, bound by memory.
#include "../dk/cuda.cuh"
#include "vectorized.cuh"

namespace {

template <class From, class To>
__device__ __forceinline__ void cast(const From* x, To* y, long long count)
{
    dk::for_each_element<dk::Wide<dk::bf16>>(count, dk::aligned_to_16(x, y), [=](auto i) { dk::store(y, i, dk::load(x, i)); });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) cast_f32_bf16(const float* x, dk::bf16* y, long long count) { cast(x, y, count); }
DK_KERNEL(cast_f32_bf16);

extern "C" __global__ void __launch_bounds__(256) cast_bf16_f32(const dk::bf16* x, float* y, long long count) { cast(x, y, count); }
DK_KERNEL(cast_bf16_f32);
