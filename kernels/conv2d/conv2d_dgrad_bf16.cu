// conv2d_dgrad_bf16: the sum of conv2d_dgrad_f32.cu with dy and dx in bfloat16, for every architecture: the products are float32 multiply-adds.
//
// Types     dy, mask, dx bfloat16; weight float32. The product takes the weights rounded to bfloat16, sums are float32, and dx is rounded once.
// Layout, product, tiles, grid and shared memory as in conv2d_dgrad_f32.cu: the tiles in shared memory are float32. _c8 loads eight channels of dy
//           (128 bits) and four of w at once; _c1 loads one.
// Registers sm_80 / sm_90a: _c8 122 / 127, 123 / 143, 98 / 115, 96 / 115; _c1 148 / 161, 127 / 128, 146 / 155. No spills.
// Work      as the forward pass: at 8 x 66 x 66, 64 channels, 3 x 3: 2.57 GFLOP, 9.1 MB.
// Time      not measured yet.
#include "gather.cuh"

DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x128_c8, dk::GatherTile128, dk::bf16, true);
DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x64_c8, dk::GatherTile64, dk::bf16, true);
DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x24_c8, dk::GatherTile24, dk::bf16, true);
DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x16_c8, dk::GatherTile16, dk::bf16, true);
DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x64_c1, dk::GatherTile64, dk::bf16, false);
DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x24_c1, dk::GatherTile24, dk::bf16, false);
DK_CONV2D_DGRAD(conv2d_dgrad_bf16_128x16_c1, dk::GatherTile16, dk::bf16, false);
