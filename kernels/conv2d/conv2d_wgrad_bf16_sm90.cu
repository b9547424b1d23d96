// conv2d_wgrad_bf16_sm90:   dw(k, t, c) = sum over positions p of dy(p, k) * x(p + t, c), or of a part of them to partial
// conv2d_wgrad_finish_sm90: dw of the tiles that several workers had: the sum of their parts, in order
//
// The weight gradient by Hopper's own means: both operands come through the copy engine's im2col loads as they lie in memory, and warpgroups multiply them
// turned, straight from shared memory. wgmma_wgrad.cuh says how; weight_steps.cuh, how it is divided; Conv2dWgmmaWeightPlan.cs, what it serves.
// Layout    channels-last bfloat16 x and dy, padded to whole granules of 8 channels; dw float32 with its true channels; sums float32.
// Product   wgmma.m64nNk16 of two operands across the reduction (MN-major): swizzled lines of 128 bytes, one a position.
// Tiles     128 channels x 256, 224, 192, 168 or 128 columns, or 64 x 384, 256 or 128; 64 positions a step. Columns are boxes of 64 channels under one tap:
//           up to six taps share a tile, or several tiles a tap.
// Taps      Where padding is wide, a tap's positions are those that it reads inside the map, with tensor maps of their own: 0.70 of the steps at dilation 16.
// Pairs     Tiles of 128 channels (_pair_) come in clusters of two blocks with 256 neighbouring channels and the same columns: each brings half of the boxes of x to both by
//           multicast, 32 KB of a step from L2 and not 48 (256 columns). Where L2 is predicted to decide and pairs to take an eighth less, empty halves counted.
// Grid      a block a multiprocessor, each with whole tiles as long as there are 132, and a 132nd of the other tiles' steps; block 384 threads. A pair: a 66th.
//           The second kernel: the workers' ends x 64 columns x their blocks, 256 threads.
// Shared    192 to 225 KB: a ring of 4 stages (128 x 256), 5, 6, 7 (128 x 128) or 8. One block a multiprocessor.
// Registers 168 compiled; the producer's threads give back all but 88, the consumers' take 208. No spills. 128 are sums in the widest. The second kernel: 46.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP; 71 MB in, 9 MB out, 2 x 27 MB of parts.
// On paper  a prediction, nothing of it measured: that shape is 36 tiles of a pair, of 545 steps, no wave, 297.3 steps for each of 66 pairs, all busy to the end. A step of
//           a block is 4.2 MFLOP, 1024 clocks at the 4096 of a multiprocessor: 0.17 ms at 1.75 GHz. It takes 32 KB from L2, 1.3 GB in all, 0.21 ms at 6 TB/s: L2
//           decides, with 0.01 to 0.02 ms for the parts 0.22 to 0.25 ms, 660 to 740 TF/s. Blocks by themselves ask for 48 KB: 0.33 to 0.36 ms, 460 to 500 TF/s, where
//           the sm_80 kernel on an H100 is estimated at 0.5 ms.
// Time      not measured yet.
#include "wgmma_wgrad.cuh"

#if DK_ARCH_AT_LEAST(90)

namespace {

using Tile128x256 = dk::WgmmaWeightTile<2, 256>;
using Tile128x224 = dk::WgmmaWeightTile<2, 224>;
using Tile128x192 = dk::WgmmaWeightTile<2, 192>;
using Tile128x168 = dk::WgmmaWeightTile<2, 168>;
using Tile128x128 = dk::WgmmaWeightTile<2, 128>;
using Tile64x384 = dk::WgmmaWeightTile<1, 192>;
using Tile64x256 = dk::WgmmaWeightTile<1, 128>;
using Tile64x128 = dk::WgmmaWeightTile<1, 64>;

using Pair128x256 = dk::WgmmaWeightTile<2, 256, 2>;
using Pair128x224 = dk::WgmmaWeightTile<2, 224, 2>;
using Pair128x168 = dk::WgmmaWeightTile<2, 168, 2>;
using Pair128x128 = dk::WgmmaWeightTile<2, 128, 2>;

}  // namespace

DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_128x256, Tile128x256);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_128x224, Tile128x224);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_128x192, Tile128x192);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_128x168, Tile128x168);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_128x128, Tile128x128);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_64x384, Tile64x384);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_64x256, Tile64x256);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_64x128, Tile64x128);

DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_pair_128x256, Pair128x256);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_pair_128x224, Pair128x224);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_pair_128x168, Pair128x168);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16_sm90_pair_128x128, Pair128x128);

extern "C" __global__ void __launch_bounds__(256) conv2d_wgrad_finish_sm90(const float* __restrict__ partial, float* __restrict__ dw, int workers, int waves,
    int row_boxes, int columns, const __grid_constant__ dk::ConvGather g, const __grid_constant__ dk::ConvRegions taps)
{
    dk::finish_weight_tile(g, taps, workers, waves, row_boxes, columns, partial, dw);
}
DK_KERNEL(conv2d_wgrad_finish_sm90);

#endif
