// conv2d_wgrad_bf16x3_sm90: dw(k, t, c) = sum over positions p of dy(p, k) * x(p + t, c), or of a part of them to partial
//
// As conv2d_wgrad_bf16_sm90.cu, on float32 activations and closer than TF32: x and dy come in two parts of bfloat16, three products for one (split_products.cuh). wgmma reads
// operands across the reduction in 16 bits alone, so that TF32 would take turned copies of both.
// Layout    channels-last x and dy in parts, each padded to whole products of 16 channels (conv2d_pack_sm80.cu); dw float32 with its true channels.
// Product   wgmma.m64nNk16 of two operands across the reduction, 12 a stage: three products of parts, the smallest first, of 64 positions each.
// Tiles     128 channels x 256 or 128 columns, or 64 x 256, 64 positions a step, of which both parts are in a stage.
// Pairs     as there, with 128 channels: 64 KB of a step from L2 and not 96 (256 columns).
// Grid      as there; block 384 threads. The parts of tiles are summed by conv2d_wgrad_finish_sm90.
// Shared    161 to 193 KB: a ring of 2 stages (256 columns) or 3. One block a multiprocessor.
// Registers 168 compiled; the producer's threads give back all but 88, the consumers' take 208. No spills. 128 are sums in the widest.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP, 493 on the tensor cores; 143 MB in, 9 MB out, 2 x 44 MB of parts.
// On paper  a prediction, nothing of it measured: that shape is 36 tiles of a pair of 545 steps, 297.3 steps for each of 66 pairs, in two turns, 3072 clocks each: 0.52 ms at
//           1.75 GHz, and 2.6 GB from L2 in 0.43 ms at 6 TB/s. With 0.03 ms for the parts 0.6 to 0.7 ms, 235 to 275 TF/s, and 0.08 ms to split x and dy; the sm_80 kernel takes
//           5.2 GB from L2 and 0.95 ms.
// Time      not measured yet.
#include "wgmma_wgrad.cuh"

#if DK_ARCH_AT_LEAST(90)

namespace {

using Tile128x256 = dk::WgmmaWeightTile<2, 256, 1, 2>;
using Tile128x128 = dk::WgmmaWeightTile<2, 128, 1, 2>;
using Tile64x256 = dk::WgmmaWeightTile<1, 128, 1, 2>;

using Pair128x256 = dk::WgmmaWeightTile<2, 256, 2, 2>;
using Pair128x128 = dk::WgmmaWeightTile<2, 128, 2, 2>;

}  // namespace

DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x3_sm90_128x256, Tile128x256);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x3_sm90_128x128, Tile128x128);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x3_sm90_64x256, Tile64x256);

DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x3_sm90_pair_128x256, Pair128x256);
DK_CONV2D_WGMMA_WGRAD(conv2d_wgrad_bf16x3_sm90_pair_128x128, Pair128x128);

#endif
