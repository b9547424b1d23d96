// conv2d_fprop_bf16: the sum of conv2d_fprop_f32.cu with x and y in bfloat16, for every architecture: the products are float32 multiply-adds.
//
// Types     x, y bfloat16; weight, bias float32. The product takes the weights rounded to bfloat16, sums start from the bias in float32, and y is
//           rounded once, after the ReLU.
// Layout, product, tiles, grid and shared memory as in conv2d_fprop_f32.cu: the tiles in shared memory are float32. _c8 loads eight channels of x
//           (128 bits) and four of w at once; _c1 loads one.
// Registers sm_80 / sm_90a: _c8 128 / 128, 127 / 137, 96 / 113, 96 / 113; _c1 154 / 157, 128 / 127, 142 / 153. No spills.
// Work      3 x 3, 8 x 66 x 66: 64 to 64 channels 2.57 GFLOP and 9.1 MB, 512 to 512 channels 164 GFLOP and 81 MB: bound by FFMA.
// Time      not measured yet.
#include "gather.cuh"

DK_CONV2D_FPROP(conv2d_fprop_bf16_128x128_c8, dk::GatherTile128, dk::bf16, true);
DK_CONV2D_FPROP(conv2d_fprop_bf16_128x64_c8, dk::GatherTile64, dk::bf16, true);
DK_CONV2D_FPROP(conv2d_fprop_bf16_128x24_c8, dk::GatherTile24, dk::bf16, true);
DK_CONV2D_FPROP(conv2d_fprop_bf16_128x16_c8, dk::GatherTile16, dk::bf16, true);
DK_CONV2D_FPROP(conv2d_fprop_bf16_128x64_c1, dk::GatherTile64, dk::bf16, false);
DK_CONV2D_FPROP(conv2d_fprop_bf16_128x24_c1, dk::GatherTile24, dk::bf16, false);
DK_CONV2D_FPROP(conv2d_fprop_bf16_128x16_c1, dk::GatherTile16, dk::bf16, false);
