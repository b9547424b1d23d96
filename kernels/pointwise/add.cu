// add_f32: y = x + z, and scale_by_f32: y = x * scalar[0].
//
// Layout    any; count elements of float32, contiguous. y may be x or z.
// Grid      any number of blocks of any size: each thread strides over the elements by the grid's number of threads.
// Access    float4 for as long as four elements are left, when all addresses are multiples of 16; else one by one.
// Bytes     add: 12 an element; scale_by: 8. At 8 x 64 x 66 x 66 (2.2 M elements): 26.8 MB and 17.8 MB, bound by memory.
#include "../dk/cuda.cuh"
#include "vectorized.cuh"

extern "C" __global__ void __launch_bounds__(256) add_f32(const float* x, const float* z, float* y, long long count)
{
    dk::for_each_element(count, dk::aligned_to_16(x, z, y), [=](auto i) {
        dk::store(y, i, dk::zip(dk::load(x, i), dk::load(z, i), [](float a, float b) { return a + b; }));
    });
}
DK_KERNEL(add_f32);

extern "C" __global__ void __launch_bounds__(256) scale_by_f32(const float* x, const float* scalar, float* y, long long count)
{
    float factor = __ldg(scalar);
    dk::for_each_element(count, dk::aligned_to_16(x, y), [=](auto i) {
        dk::store(y, i, dk::map(dk::load(x, i), [=](float a) { return a * factor; }));
    });
}
DK_KERNEL(scale_by_f32);
