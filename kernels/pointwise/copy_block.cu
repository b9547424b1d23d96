// copy_block_f32, copy_block_f32x4: y(n, h, s, i) = x(n, h, s, i) over a rectangular block of two tensors: crop, concat, zero padding.
//
// Layout    channels-last. A row of the block is `segments` runs of `run` consecutive units (one float, or four in the x4 kernel): one run
//           a pixel, or the whole row in one run where the block has all channels of both tensors. x and y point to the block's first
//           element; steps between images, rows and runs are given in units. x4 needs addresses that are multiples of 16.
// Grid      rows x units of a row, see dk/rows.cuh; row = n * height + h.
// Bytes     8 an element of the block. Crop of 8 x 64 x 66 x 66 to 62 x 62: 15.7 MB, bound by memory.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/rows.cuh"

namespace {

struct Steps {
    long long image, row, run;
};

template <int Width>
__device__ __forceinline__ void copy_block(const float* x, float* y, int rows, int height, int segments, int run, Steps from, Steps to)
{
    dk::for_each_in_rows(rows, segments * run, [=](int row, int unit) {
        int n = row / height, h = row - n * height, s = unit / run, i = unit - s * run;
        long long source = n * from.image + h * from.row + s * from.run + i;
        long long target = n * to.image + h * to.row + s * to.run + i;
        dk::store_floats<Width>(y + Width * target, dk::load_floats<Width>(x + Width * source));
    });
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) copy_block_f32(
    const float* x, float* y, int rows, int height, int segments, int run, Steps from, Steps to)
{
    copy_block<1>(x, y, rows, height, segments, run, from, to);
}
DK_KERNEL(copy_block_f32);

extern "C" __global__ void __launch_bounds__(256) copy_block_f32x4(
    const float* x, float* y, int rows, int height, int segments, int run, Steps from, Steps to)
{
    copy_block<4>(x, y, rows, height, segments, run, from, to);
}
DK_KERNEL(copy_block_f32x4);
