// conv2d_fprop_f32: y(n, p, q, k) = act(bias(k) + sum over ky, kx, c of x(n, p * s - pad + ky * d, q * s - pad + kx * d, c) * w(k, ky, kx, c))
//
// Any kernel, stride, dilation, padding and channel count; act is nothing or ReLU; bias may be null.
// Layout    channels-last float32: x is N x H x W x C, w is K x kh x kw x C, y is N x P x Q x K.
// Product   rows are the N * P * Q positions, columns the K channels, and the reduction taps x channels, gathered tile by tile (gather.cuh).
// Tiles     128 positions x 128, 64, 24 or 16 channels, 8 steps of the reduction at a time. A thread holds 8 x 8 sums in the two wide ones,
//           four float4 from shared memory for 64 multiply-adds, and 8 x 4 in the narrow ones, which are for 19, 21 and 11 classes.
//           _c8 loads four channels of x and w at once and eight from one tap (C a multiple of 8, 16-byte addresses); _c1 loads one, and has
//           no tile of 128 channels.
// Grid      ceil(positions / 128) * ceil(K / tile), one-dimensional; block 256, 128, 96 or 64 threads, as Conv2dGatherPlan.cs chooses.
// Shared    16.5, 12.5, 10 and 9.5 KB. Registers sm_80 / sm_90a: _c8 128 / 128, 139 / 167, 105 / 123, 111 / 127; _c1 160 / 162, 125 / 127, 155 / 155.
//           No spills.
// Work      3 x 3, 8 x 66 x 66: 64 to 64 channels 2.57 GFLOP and 18.0 MB, 512 to 512 channels 164 GFLOP and 152 MB: bound by FFMA.
// Time      not measured yet.
#include "gather.cuh"

DK_CONV2D_FPROP(conv2d_fprop_f32_128x128_c8, dk::GatherTile128, float, true);
DK_CONV2D_FPROP(conv2d_fprop_f32_128x64_c8, dk::GatherTile64, float, true);
DK_CONV2D_FPROP(conv2d_fprop_f32_128x24_c8, dk::GatherTile24, float, true);
DK_CONV2D_FPROP(conv2d_fprop_f32_128x16_c8, dk::GatherTile16, float, true);
DK_CONV2D_FPROP(conv2d_fprop_f32_128x64_c1, dk::GatherTile64, float, false);
DK_CONV2D_FPROP(conv2d_fprop_f32_128x24_c1, dk::GatherTile24, float, false);
DK_CONV2D_FPROP(conv2d_fprop_f32_128x16_c1, dk::GatherTile16, float, false);
