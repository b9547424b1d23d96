// conv2d_gather_tf32_sm80:   result(p, m) = act(bias(m) + sum over taps t and channels c of source(p + t, c) * weight(m, t, c)), 0 where mask(p, m) <= 0
// conv2d_gather_tf32x3_sm80: the same as accurate as in float32, with three products for one (products.cuh)
//
// As conv2d_gather_bf16_sm80.cu, on float32 activations. Operands are rounded to TF32 in registers, to nearest: mma would cut them off.
// Layout    channels-last float32, source and weight padded to whole granules of 4 channels (mma_gather.cuh).
// Product   mma.m16n8k8; ldmatrix loads its operands too, taking 4 float32 for 8 elements of 16 bits.
// Tiles     as there, 16 steps of the reduction at a time. tf32x3 has no 128 x 128: with both parts of its operands and a step's sums beside the tile's a thread would need
//           more than 128 registers, and at three products for each byte half as wide a tile waits for nothing.
// Grid      as there; block 256, 128 or 128 threads.
// Shared    48, 48 and 40 KB: a ring of 3, 4 and 4 stages. Registers sm_80 / sm_90a: tf32 126 / 124, 136 / 138, 98 / 102; tf32x3 252 / 254
//           with two blocks a multiprocessor, 166 / 166 with three. No spills.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP (tf32x3: 493 on the tensor cores); 71 MB in, 9.4 MB of weights, 71 MB out.
// On paper  that shape takes tf32 273 x 4 tiles of 288 steps, 5.2 GB from L2: 1.5 ms on an A100 (85 % of 156 TF/s, 0.84 of the waves full), 3.5 TB/s of L2.
//           tf32x3 takes 273 x 8 tiles of 288 steps of 12 KB, 7.7 GB, two blocks a multiprocessor, 10.1 waves, 0.92 of them full: 4.1 ms, where FFMA
//           needs 8.4 ms at its peak of 19.5 TF/s. A warp's 12 products of a step take 96 clocks, to add them up 16 FADD of 2. Rounding takes 48 integer instructions for 16 products of tf32: an A100 has them to spare, an H100,
//           which multiplies twice as fast, may be bound by them.
// Time      not measured yet.
#include "mma_gather.cuh"

#if DK_ARCH_AT_LEAST(80)

namespace {

using Tile128 = dk::MmaTile<128, 128, 64, 3, 2>;
using Tile64 = dk::MmaTile<128, 64, 64, 4, 3>;
using Tile64x3 = dk::MmaTile<128, 64, 64, 4, 2>;
using Tile32 = dk::MmaTile<128, 32, 32, 4, 3>;

}  // namespace

DK_CONV2D_GATHER(conv2d_gather_tf32_sm80_128x128, Tile128, dk::Tf32Product);
DK_CONV2D_GATHER(conv2d_gather_tf32_sm80_128x64, Tile64, dk::Tf32Product);
DK_CONV2D_GATHER(conv2d_gather_tf32_sm80_128x32, Tile32, dk::Tf32Product);

DK_CONV2D_GATHER(conv2d_gather_tf32x3_sm80_128x64, Tile64x3, dk::Tf32x3Product);
DK_CONV2D_GATHER(conv2d_gather_tf32x3_sm80_128x32, Tile32, dk::Tf32x3Product);

#endif
