// copy_block_x2, copy_block_x4, copy_block_x16: y(n, h, s, i) = x(n, h, s, i) over a rectangular block of two tensors: crop, concat, zero padding.
//
// Bits are copied, of whatever type, in units of 2, 4 or 16 bytes: the largest that all distances are multiples of (CopyBlockPlan.cs).
// Layout    channels-last. A row of the block is `segments` runs of `run` consecutive units: one run a pixel, or the whole row in one run where the
//           block has all channels of both tensors. x and y point to the block's first element; steps between images, rows and runs are given in
//           units. Addresses are multiples of the unit.
// Grid      rows x units of a row, see dk/rows.cuh; row = n * height + h.
// Bytes     8 an element of the block in float32, 4 in bfloat16. Crop of 8 x 64 x 66 x 66 to 62 x 62: 15.7 MB in float32, bound by memory.
#include "../dk/cuda.cuh"
#include "../dk/rows.cuh"

namespace {

struct Steps {
    long long image, row, run;
};

template <class Unit>
__device__ __forceinline__ void copy_block(const Unit* x, Unit* y, int rows, int height, int segments, int run, Steps from, Steps to)
{
    dk::for_each_in_rows(rows, segments * run, [=](int row, int unit) {
        int n = row / height, h = row - n * height, s = unit / run, i = unit - s * run;
        y[n * to.image + h * to.row + s * to.run + i] = x[n * from.image + h * from.row + s * from.run + i];
    });
}

}  // namespace

#define DK_COPY_BLOCK(name, Unit) \
    extern "C" __global__ void __launch_bounds__(256) name( \
        const Unit* x, Unit* y, int rows, int height, int segments, int run, Steps from, Steps to) \
    { \
        copy_block(x, y, rows, height, segments, run, from, to); \
    } \
    DK_KERNEL(name)

DK_COPY_BLOCK(copy_block_x2, unsigned short);
DK_COPY_BLOCK(copy_block_x4, unsigned);
DK_COPY_BLOCK(copy_block_x16, uint4);
