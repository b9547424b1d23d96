// conv2d_wgrad_tf32_sm80:   partial(slice, k, t, c) = sum over the slice's positions p of dy(p, k) * x(p + t, c)
// conv2d_wgrad_tf32x3_sm80: the same as accurate as in float32, with three products for one (products.cuh)
//
// As conv2d_wgrad_bf16_sm80.cu, on float32 activations.
// Layout    channels-last float32 x and dy, padded to whole granules of 4 channels (mma_wgrad.cuh); partial is float32 with its true channels.
// Product   mma.m16n8k8. ldmatrix turns no float32 round; instead a lane loads granules, whose four elements belong to four products: 6 loads of
//           128 bits for 16 products, as many bytes as ldmatrix would move.
// Tiles     as there, 16 positions at a time; tf32x3 has no 128 x 128, for want of registers.
// Grid      tiles x slices; block 256, 128 or 128 threads.
// Shared    48, 48 and 40 KB: a ring of 3, 4 and 4 stages. Registers sm_80 / sm_90a: tf32 128 / 128, 158 / 162, 110 / 114; tf32x3 255 / 255
//           with two blocks a multiprocessor, 160 / 158 with three. No spills.
// Work      3 x 3, dilation 2, 8 x 66 x 66, 512 to 512 channels: 164 GFLOP (tf32x3: 493 on the tensor cores); 143 MB in and 2 x 104 MB of partial sums in
//           11 slices.
// On paper  that shape takes tf32 144 tiles x 11 slices: 7.3 waves on an A100, 6 on an H100, 0.92 and 1.00 of them full; 5.2 GB from L2: 1.35 ms on an A100 at
//           85 % of 156 TF/s, and 0.13 ms for the partial sums.
// Time      not measured yet.
#include "mma_wgrad.cuh"

#if DK_ARCH_AT_LEAST(80)

namespace {

using Tile128 = dk::MmaTile<128, 128, 64, 3, 2>;
using Tile64 = dk::MmaTile<64, 128, 64, 4, 3>;
using Tile64x3 = dk::MmaTile<64, 128, 64, 4, 2>;
using Tile32 = dk::MmaTile<32, 128, 32, 4, 3>;

}  // namespace

DK_CONV2D_MMA_WGRAD(conv2d_wgrad_tf32_sm80_128x128, Tile128, dk::Tf32Product);
DK_CONV2D_MMA_WGRAD(conv2d_wgrad_tf32_sm80_64x128, Tile64, dk::Tf32Product);
DK_CONV2D_MMA_WGRAD(conv2d_wgrad_tf32_sm80_32x128, Tile32, dk::Tf32Product);

DK_CONV2D_MMA_WGRAD(conv2d_wgrad_tf32x3_sm80_64x128, Tile64x3, dk::Tf32x3Product);
DK_CONV2D_MMA_WGRAD(conv2d_wgrad_tf32x3_sm80_32x128, Tile32, dk::Tf32x3Product);

#endif
