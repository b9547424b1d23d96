// conv2d_gather_bf16_sm80: result(p, m) = act(bias(m) + sum over taps t and channels c of source(p + t, c) * weight(m, t, c)), 0 where mask(p, m) <= 0
//
// The forward pass (source x, weight w, bias, ReLU) and the data gradient (source dy, weight w with its channels turned round, mask) on tensor cores;
// geometry.cuh says what is p + t. Bias and mask may be null.
// Layout    channels-last bfloat16, source and weight padded to whole granules of 8 channels (mma_gather.cuh); bias float32; sums float32, rounded once.
// Product   mma.m16n8k16; rows are positions, columns result channels, the reduction taps x channels, flattened in granules of 8.
// Tiles     128 positions x 128, 64 or 32 channels, 32 steps of the reduction at a time. A warp has 64 x 32 (32 x 32 in the narrowest): 6 ldmatrix for
//           16 products. 128 x 128 because a narrower tile asks L2 for more: 64 multiply-adds a byte, 43 and 26 in the narrow ones.
// Regions   where that is less work, positions are cut into rectangles whose positions have the same taps inside the source, and only these are multiplied
//           (geometry.cuh, Conv2dRegions.cs). Taps of all tiles that are left, 3 x 3, 8 x 66 x 66 with as much padding as keeps the size: dilation 4 0.926,
//           8 0.845, 16 0.704; 7 x 7, dilation 4 0.819. Dilations 1 and 2 are not cut.
// Grid      the sum over rectangles of ceil(positions / 128), times ceil(channels / tile), one-dimensional; block 256, 128 or 128 threads, as
//           Conv2dMmaGatherPlan.cs chooses.
// Shared    48, 48 and 40 KB: a ring of 3, 4 and 4 stages. Registers sm_80 / sm_90a: 126 / 122, 152 / 152, 102 / 100. No spills.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP; 36 MB in, 4.7 MB of weights, 36 MB out.
// On paper  that shape is 273 x 4 tiles, 5.1 waves on the 108 multiprocessors of an A100 and 4.1 on the 132 of an H100, two blocks each: 0.84 and 0.83 of
//           them full. A tile takes 144 steps of 16 KB, 2.6 GB from L2 in all. At 85 % of 312 TF/s within a wave an A100 needs 0.74 ms and 3.5 TB/s of L2;
//           an H100, whose mma.sync reaches some 600 TF/s, is bound by some 6 TB/s of L2: 0.45 ms.
// Time      not measured yet.
#include "mma_gather.cuh"

#if DK_ARCH_AT_LEAST(80)

namespace {

using Tile128 = dk::MmaTile<128, 128, 64, 3, 2>;
using Tile64 = dk::MmaTile<128, 64, 64, 4, 3>;
using Tile32 = dk::MmaTile<128, 32, 32, 4, 3>;

}  // namespace

DK_CONV2D_GATHER(conv2d_gather_bf16_sm80_128x128, Tile128, dk::Bf16Product);
DK_CONV2D_GATHER(conv2d_gather_bf16_sm80_128x64, Tile64, dk::Bf16Product);
DK_CONV2D_GATHER(conv2d_gather_bf16_sm80_128x32, Tile32, dk::Bf16Product);

#endif
