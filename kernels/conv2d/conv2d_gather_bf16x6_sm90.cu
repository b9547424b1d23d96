// conv2d_gather_bf16x6_sm90: result(p, m) = act(bias(m) + sum over taps t and channels c of source(p + t, c) * weight(m, t, c)), 0 where mask(p, m) <= 0
//
// As conv2d_gather_bf16_sm90.cu, on float32 activations and as accurate as float32: operands come in three parts of bfloat16, six products for one (split_products.cuh).
// TF32 would take three products at half the speed, the same time, and leave out more; wgmma reads operands across the reduction, which the weight gradient
// needs, in 16 bits alone.
// Layout    channels-last; source and weight in parts, each padded to whole products of 16 channels (conv2d_pack_sm80.cu); bias, mask and result float32.
// Product   wgmma.m64nNk16, 24 a stage: six products of parts, the smallest first, of 64 channels each. Each stage is summed by itself (promote_stages).
// Tiles     128 positions x N channels, 64 channels of one tap at a time, of which all parts are in a stage. N is 128, 112 or 88: all parts of two stages fill
//           the shared memory. 112 divides the paper's 672 and 336.
// Pairs     as there, with N = 128 or 112: 72 KB of a step from L2 and not 96.
// Grid      as there; block 384 threads.
// Shared    193 KB (N = 128), 181 or 163: a ring of 2 stages. One block a multiprocessor. While one stage is multiplied, 3072 clocks, the next one comes, in 2836 at
//           an even share of L2 and the time until its first byte: it is a little late.
// Registers 168 compiled; the producer's threads give back all but 40, the consumers' take 232. No spills. 64 are a stage's sums, 64 the tile's.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP, 986 on the tensor cores; 107 MB in, 14 MB of weights, 71 MB out.
// On paper  a prediction, nothing of it measured: that shape is 137 x 4 tiles of a pair, of 72 steps, 8.3 rounds of 66 pairs in 9, 0.92 of them full. A step of a block
//           is 12.6 MFLOP, 3072 clocks at the 4096 of a multiprocessor: 9 x 72 of them take 1.14 ms at 1.75 GHz, and 72 KB from L2 a step and block, 5.8 GB in all, 0.97 ms
//           at the 6 TB/s that the bf16 kernel's estimate grants too. While one consumer adds its stage's sum, some 150 clocks, the other one multiplies.
//           1.2 to 1.4 ms, 120 to 140 TF/s; the sm_80 kernel with three products of TF32 is estimated at 1.7 ms on an H100, cuDNN's float32 at 3.3 (50 TF/s).
//           To split 71 MB takes 0.05 ms more.
// Time      not measured yet.
#include "wgmma_gather.cuh"

#if DK_ARCH_AT_LEAST(90)

namespace {

using Tile128 = dk::WgmmaTile<dk::Bf16Parts<3>, 128>;
using Tile112 = dk::WgmmaTile<dk::Bf16Parts<3>, 112>;
using Tile88 = dk::WgmmaTile<dk::Bf16Parts<3>, 88>;

using Pair128 = dk::WgmmaTile<dk::Bf16Parts<3>, 128, 2>;
using Pair112 = dk::WgmmaTile<dk::Bf16Parts<3>, 112, 2>;

}  // namespace

DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16x6_sm90_128x128, Tile128);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16x6_sm90_128x112, Tile112);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16x6_sm90_128x88, Tile88);

DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16x6_sm90_pair_128x128, Pair128);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16x6_sm90_pair_128x112, Pair112);

#endif
