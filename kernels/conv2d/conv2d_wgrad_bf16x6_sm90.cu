// conv2d_wgrad_bf16x6_sm90: dw(k, t, c) = sum over positions p of dy(p, k) * x(p + t, c), or of a part of them to partial
//
// As conv2d_wgrad_bf16_sm90.cu, on float32 activations and as accurate as float32: x and dy come in three parts of bfloat16, six products for one (split_products.cuh).
// Layout    channels-last x and dy in parts, each padded to whole products of 16 channels (conv2d_pack_sm80.cu); dw float32 with its true channels.
// Product   wgmma.m64nNk16 of two operands across the reduction, 24 a stage: six products of parts, the smallest first, of 64 positions each, summed by themselves.
// Tiles     128 channels x 128 columns, 64 positions a step, of which all parts are in a stage: all parts of two stages fill the shared memory.
// Pairs     as there: 72 KB of a step from L2 and not 96.
// Grid      as there; block 384 threads. The parts of tiles are summed by conv2d_wgrad_finish_sm90.
// Shared    193 KB: a ring of 2 stages. One block a multiprocessor.
// Registers 168 compiled; the producer's threads give back all but 88, the consumers' take 208. No spills. 64 are a stage's sums, 64 the tile's.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP, 986 on the tensor cores; 214 MB in, 9 MB out, 2 x 9 MB of parts.
// On paper  a prediction, nothing of it measured: that shape is 72 tiles of a pair of 545 steps, 594.5 steps for each of 66 pairs, 3072 clocks each: 1.04 ms at 1.75 GHz, and
//           5.8 GB from L2 in 0.96 ms at 6 TB/s. 1.1 to 1.3 ms, 125 to 150 TF/s, and 0.1 ms to split x and dy.
// Time      not measured yet.
#include "wgmma_wgrad.cuh"

#if DK_ARCH_AT_LEAST(90)

namespace {

using Tile128x128 = dk::WgmmaWeightTile<2, 128, 1, 3>;
using Pair128x128 = dk::WgmmaWeightTile<2, 128, 2, 3>;

}  // namespace

DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x6_sm90_128x128, Tile128x128);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x6_sm90_pair_128x128, Pair128x128);

#endif
