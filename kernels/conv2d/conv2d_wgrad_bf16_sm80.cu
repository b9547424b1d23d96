// conv2d_wgrad_bf16_sm80: partial(slice, k, t, c) = sum over the slice's positions p of dy(p, k) * x(p + t, c)
//
// The weight gradient on tensor cores, in float32 from the first sum on; conv2d_wgrad_finish_f32 adds the slices in order. The bits depend on the number
// of slices alone, and that on the shape (Conv2dMmaWeightPlan.cs). With one slice, partial is dw.
// Layout    channels-last bfloat16 x and dy, padded to whole granules of 8 channels (mma_wgrad.cuh); partial is float32 with its true channels.
// Product   mma.m16n8k16; rows are the K channels, columns taps x padded C. Both operands are contiguous across the tile: ldmatrix.trans turns them round.
// Tiles     128, 64 or 32 channels x 128 columns, 32 positions at a time. A warp has 64 x 32, or 32 x 32 in the smallest, which is for few classes.
// Grid      tiles x slices; block 256, 128 or 128 threads.
// Shared    48, 48 and 40 KB: a ring of 3, 4 and 4 stages. Registers sm_80 / sm_90a: 128 / 128, 152 / 156, 104 / 104. No spills.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP; 71 MB in and 2 x 66 MB of partial sums in 7 slices.
// On paper  that shape is 144 tiles x 7 slices: 4.7 waves on an A100, 3.8 on an H100, two blocks a multiprocessor: 0.93 and 0.95 of them full. A tile takes
//           156 steps of 16 KB, 2.6 GB from L2 in all: 0.67 ms on an A100 at 85 % of 312 TF/s, and 0.09 ms for the partial sums.
// Time      not measured yet.
#include "mma_wgrad.cuh"

#if DK_ARCH_AT_LEAST(80)

namespace {

using Tile128 = dk::MmaTile<128, 128, 64, 3, 2>;
using Tile64 = dk::MmaTile<64, 128, 64, 4, 3>;
using Tile32 = dk::MmaTile<32, 128, 32, 4, 3>;

}  // namespace

DK_CONV2D_MMA_WGRAD(conv2d_wgrad_bf16_sm80_128x128, Tile128, dk::Bf16Product);
DK_CONV2D_MMA_WGRAD(conv2d_wgrad_bf16_sm80_64x128, Tile64, dk::Bf16Product);
DK_CONV2D_MMA_WGRAD(conv2d_wgrad_bf16_sm80_32x128, Tile32, dk::Bf16Product);

#endif
