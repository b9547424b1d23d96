// conv2d_gather_tf32_sm90: result(p, m) = act(bias(m) + sum over taps t and channels c of source(p + t, c) * weight(m, t, c)), 0 where mask(p, m) <= 0
//
// As conv2d_gather_bf16_sm90.cu, on float32 activations, rounded to TF32 (11 significant bits): by the copy engine on their way, to nearest, since wgmma would cut them off.
// Layout    channels-last float32, source and weight padded to whole granules of 4 channels.
// Product   wgmma.m64nNk8 of two operands in shared memory, K-major in swizzled rows of 128 bytes; a tap's last 32 channels take what products they need.
// Tiles     128 positions x N channels, 32 channels of one tap at a time. N is 256, 168, 128, 88, 64 or 24.
// Pairs     as there, with N = 256, 168 or 128: 32 KB of a step from L2 and not 48 (N = 256).
// Grid      as there; block 384 threads.
// Shared    153 to 225 KB: a ring of 4 stages (N = 256) to 8, bytes as there. One block a multiprocessor.
// Registers 168 compiled; the producer's threads give back all but 40, the consumers' take 232. No spills. 128 are sums where N = 256.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP; 71 MB in, 9.4 MB of weights, 71 MB out.
// On paper  a prediction, nothing of it measured: that shape is 137 x 2 tiles of a pair, of 144 steps, 4.15 rounds of 66 pairs in 5, 0.83 of them full. A step of a block
//           is 2.1 MFLOP, 1024 clocks at the 2048 of a multiprocessor: 5 x 144 of them take 0.42 ms at 1.75 GHz, and 32 KB from L2 a step and block, 2.6 GB in all, 0.43 ms at
//           the 6 TB/s that the bf16 kernel's estimate grants too. 0.45 to 0.55 ms, 300 to 365 TF/s; the sm_80 kernel takes 5.2 GB from L2 and 0.9 ms.
// Time      not measured yet.
#include "wgmma_gather.cuh"

#if DK_ARCH_AT_LEAST(90)

namespace {

using Tile256 = dk::WgmmaTile<dk::Tf32, 256>;
using Tile168 = dk::WgmmaTile<dk::Tf32, 168>;
using Tile128 = dk::WgmmaTile<dk::Tf32, 128>;
using Tile88 = dk::WgmmaTile<dk::Tf32, 88>;
using Tile64 = dk::WgmmaTile<dk::Tf32, 64>;
using Tile24 = dk::WgmmaTile<dk::Tf32, 24>;

using Pair256 = dk::WgmmaTile<dk::Tf32, 256, 2>;
using Pair168 = dk::WgmmaTile<dk::Tf32, 168, 2>;
using Pair128 = dk::WgmmaTile<dk::Tf32, 128, 2>;

}  // namespace

DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_128x256, Tile256);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_128x168, Tile168);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_128x128, Tile128);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_128x88, Tile88);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_128x64, Tile64);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_128x24, Tile24);

DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_pair_128x256, Pair256);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_pair_128x168, Pair168);
DK_CONV2D_WGMMA_GATHER(conv2d_gather_tf32_sm90_pair_128x128, Pair128);

#endif
