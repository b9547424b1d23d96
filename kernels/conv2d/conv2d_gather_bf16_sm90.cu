// conv2d_gather_bf16_sm90: result(p, m) = act(bias(m) + sum over taps t and channels c of source(p + t, c) * weight(m, t, c)), 0 where mask(p, m) <= 0
//
// As conv2d_gather_bf16_sm80, forward and data gradient, by Hopper's own means: the copy engine gathers (im2col loads, a dilated tap is an offset), and
// warpgroups multiply straight from shared memory. wgmma_gather.cuh says how; Conv2dWgmmaGatherPlan.cs, what fits a tensor map.
// Layout    channels-last bfloat16, source and weight padded to whole granules of 8 channels; bias float32; sums float32, rounded once.
// Product   wgmma.m64nNk16 of two operands in shared memory, K-major in swizzled rows of 128 bytes; a tap's last 64 channels take what products they need.
// Tiles     128 positions x N channels, 64 channels of one tap at a time. N is 256, 224, 168, 128, 88, 64, 48, 24 or 16: the widest that wgmma and two
//           consumers' registers hold, and what divides the paper's 672 and 336, holds its 84, 42, 21, 19 and 11, and the powers of two.
// Regions   Where padding is wide, positions come in up to nine rectangles, each with the taps that it has inside the source and a tensor map of its own:
//           0.70 of the steps at dilation 16 on 66 x 66 maps, on paper 0.16 ms for 336 to 672 channels, 880 nominal TF/s, which L2 decides.
// Pairs     Wide tiles (_pair_, N of 128 and more) come in clusters of two blocks with 256 neighbouring positions and the same channels: each brings half of the weights to
//           both by multicast, 32 KB of a step from L2 and not 48 (N = 256). Where L2 is predicted to decide and pairs to ask for an eighth less.
// Grid      a block a multiprocessor, each with every gridDim-th tile, those of the same positions side by side in time; block 384 threads.
// Shared    145 to 225 KB: a ring of 4 stages (N = 256), 5, 6, 7 (128) or 8. One block a multiprocessor.
// Registers 168 compiled; the producer's threads give back all but 40, the consumers' take 232. No spills. 128 are sums where N = 256.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP; 36 MB in, 4.7 MB of weights, 36 MB out.
// On paper  a prediction, nothing of it measured: that shape is 137 x 2 tiles of a pair, of 72 steps, 4.15 rounds of 66 pairs in 5, 0.83 of them full. A step of a block
//           is 4.2 MFLOP, 1024 clocks at the 4096 of a multiprocessor: 5 x 72 of them take 0.21 ms at 1.75 GHz. It takes 32 KB from L2, 1.3 GB in all, 0.21 ms at
//           the 6 TB/s that the sm_80 kernel's estimate grants too; 0.26 ms where a block gets no more than its share in the last round. Both lie so close
//           that it may be a little more than either: 0.23 to 0.28 ms, 590 to 710 TF/s. Blocks by themselves ask for 48 KB, 1.9 GB: 0.32 to 0.35 ms, 470 to 510 TF/s; sm_80's: 0.45 ms.
// Time      not measured yet.
#include "wgmma_gather.cuh"

#if DK_ARCH_AT_LEAST(90)

namespace {

using Tile256 = dk::WgmmaTile<dk::Bf16Parts<1>, 256>;
using Tile224 = dk::WgmmaTile<dk::Bf16Parts<1>, 224>;
using Tile168 = dk::WgmmaTile<dk::Bf16Parts<1>, 168>;
using Tile128 = dk::WgmmaTile<dk::Bf16Parts<1>, 128>;
using Tile88 = dk::WgmmaTile<dk::Bf16Parts<1>, 88>;
using Tile64 = dk::WgmmaTile<dk::Bf16Parts<1>, 64>;
using Tile48 = dk::WgmmaTile<dk::Bf16Parts<1>, 48>;
using Tile24 = dk::WgmmaTile<dk::Bf16Parts<1>, 24>;
using Tile16 = dk::WgmmaTile<dk::Bf16Parts<1>, 16>;

using Pair256 = dk::WgmmaTile<dk::Bf16Parts<1>, 256, 2>;
using Pair224 = dk::WgmmaTile<dk::Bf16Parts<1>, 224, 2>;
using Pair168 = dk::WgmmaTile<dk::Bf16Parts<1>, 168, 2>;
using Pair128 = dk::WgmmaTile<dk::Bf16Parts<1>, 128, 2>;

}  // namespace

DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x256, Tile256);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x224, Tile224);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x168, Tile168);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x128, Tile128);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x88, Tile88);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x64, Tile64);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x48, Tile48);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x24, Tile24);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_128x16, Tile16);

DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_pair_128x256, Pair256);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_pair_128x224, Pair224);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_pair_128x168, Pair168);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_bf16_sm90_pair_128x128, Pair128);

#endif
