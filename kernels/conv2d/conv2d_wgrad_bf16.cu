// conv2d_wgrad_bf16: the partial sums of conv2d_wgrad_f32.cu from x and dy in bfloat16, for every architecture: the products are float32
//                    multiply-adds. conv2d_wgrad_finish_f32 adds the slices.
//
// Types     x, dy bfloat16; partial, and with it dw, float32: no rounding of the sums.
// Layout, product, tiles, grid and shared memory as in conv2d_wgrad_f32.cu: the tiles in shared memory are float32. _k8 loads eight channels of dy at
//           once (128 bits; K a multiple of 8), _c8 eight of x; _k1, _c1 one.
//           Eight at once have no tile of 128 x 128: widening them takes more registers than two blocks of 256 threads have.
// Registers sm_80 / sm_90a in the order of the tiles: _k8c8, _k1c8 and _k8c1 136 / 159, 96 / 96, 94 / 96; _k1c1 128 / 128, 144 / 145,
//           96 / 103, 99 / 111. No spills.
// Work      at 8 x 66 x 66, 64 to 64 channels, 3 x 3: 2.57 GFLOP; 8.9 MB read and 2 x 15 MB of partial sums in 104 slices.
// Time      not measured yet.
#include "weight_gradient.cuh"

DK_CONV2D_WGRAD(conv2d_wgrad_bf16_64x128_k8c8, dk::WeightTile64, dk::bf16, 8, 8);
DK_CONV2D_WGRAD(conv2d_wgrad_bf16_32x128_k1c8, dk::WeightTile32, dk::bf16, 1, 8);
DK_CONV2D_WGRAD(conv2d_wgrad_bf16_64x32_k8c1, dk::WeightTileFew, dk::bf16, 8, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_bf16_128x128_k1c1, dk::WeightTile128, dk::bf16, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_bf16_64x128_k1c1, dk::WeightTile64, dk::bf16, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_bf16_32x128_k1c1, dk::WeightTile32, dk::bf16, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_bf16_64x32_k1c1, dk::WeightTileFew, dk::bf16, 1, 1);
