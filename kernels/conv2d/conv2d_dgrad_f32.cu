// conv2d_dgrad_f32: dx(n, i, j, c) = sum over k and those taps (ky, kx) for which p = (i + pad - ky * d) / s and q are whole and inside of
//                                    dy(n, p, q, k) * w(k, ky, kx, c), 0 where mask(n, i, j, c) <= 0
//
// The forward kernel with the taps turned round: a gather from dy, so no position is written twice and nothing is added atomically.
// At stride s there are s x s launches, one for each position modulo s, whose taps are the same (Conv2dAxis.cs): none multiplies by zeros.
// Layout    channels-last float32: dy is N x P x Q x K, w is K x kh x kw x C, dx and mask are N x H x W x C; the mask, what a ReLU before the convolution
//           gave, may be null.
// Product   rows are positions of dx, columns the C channels, the reduction taps x K. w is contiguous along the columns here.
// Tiles     as in conv2d_fprop_f32.cu; _c8 needs K to be a multiple of 8 and C one of 4.
// Grid      ceil(positions / 128) * ceil(C / tile), one-dimensional; block 256, 128, 96 or 64 threads.
// Shared    16.5, 12.5, 10 and 9.5 KB. Registers sm_80 / sm_90a: _c8 128 / 128, 143 / 163, 112 / 127, 117 / 127; _c1 158 / 165, 128 / 131, 152 / 157.
//           No spills.
// Work      as the forward pass: at 8 x 66 x 66, 64 channels, 3 x 3: 2.57 GFLOP, 18.0 MB.
// Time      not measured yet.
#include "gather.cuh"

DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x128_c8, dk::GatherTile128, float, true);
DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x64_c8, dk::GatherTile64, float, true);
DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x24_c8, dk::GatherTile24, float, true);
DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x16_c8, dk::GatherTile16, float, true);
DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x64_c1, dk::GatherTile64, float, false);
DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x24_c1, dk::GatherTile24, float, false);
DK_CONV2D_DGRAD(conv2d_dgrad_f32_128x16_c1, dk::GatherTile16, float, false);
