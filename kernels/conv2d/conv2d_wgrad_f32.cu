// conv2d_wgrad_f32:          partial(slice, k, ky, kx, c) = sum over the slice's positions (n, p, q) of
//                                dy(n, p, q, k) * x(n, p * s - pad + ky * d, q * s - pad + kx * d, c)
// conv2d_wgrad_finish_f32:   dw(i) = sum over slices, in order, of partial(slice, i)
//
// The bits depend on the number of slices alone, and that on the shape (Conv2dWeightPlan.cs). With one slice, partial is dw.
// Layout    channels-last float32: x is N x H x W x C, dy is N x P x Q x K, dw and each slice of partial K x kh x kw x C.
// Product   rows are the K channels, columns taps x C, the reduction runs over positions. Both operands are contiguous across the tile.
// Tiles     128 x 128 and 64 x 128 with 8 x 8 sums a thread, 32 x 128 (4 x 8) for few K, 64 x 32 (8 x 4) for few C, 8 positions at a time.
//           _k4 loads four channels of dy at once (K a multiple of 4), _c4 four of x; _k1, _c1 one.
// Grid      tiles x slices; block 256, 128, 128 or 64 threads. The second kernel: any grid, as pointwise kernels.
// Shared    16.5, 12.5, 10.5 and 6.5 KB. Registers sm_80 / sm_90a in the order of the tiles: _c4 and _k4c1 128 / 128, 144 / 161, 96 / 99, 99 / 111;
//           _k1c1 128 / 128, 144 / 145, 96 / 103, 99 / 111. No spills.
// Work      at 8 x 66 x 66, 64 to 64 channels, 3 x 3: 2.57 GFLOP; 17.8 MB read and 2 x 15 MB of partial sums in 104 slices.
// Time      not measured yet.
#include "weight_gradient.cuh"

DK_CONV2D_WGRAD(conv2d_wgrad_f32_128x128_k4c4, dk::WeightTile128, float, 4, 4);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x128_k4c4, dk::WeightTile64, float, 4, 4);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_32x128_k1c4, dk::WeightTile32, float, 1, 4);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x32_k4c1, dk::WeightTileFew, float, 4, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_128x128_k1c1, dk::WeightTile128, float, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x128_k1c1, dk::WeightTile64, float, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_32x128_k1c1, dk::WeightTile32, float, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x32_k1c1, dk::WeightTileFew, float, 1, 1);

extern "C" __global__ void __launch_bounds__(256) conv2d_wgrad_finish_f32(const float* __restrict__ partial, float* __restrict__ dw, int slices, long long count)
{
    dk::for_each_element<dk::Wide<float>>(count, count % 4 == 0 && dk::aligned_to_16(partial, dw), [=](auto i) {
        auto sum = dk::load(partial, i);
        for (int s = 1; s < slices; s++) {
            sum = dk::zip(sum, dk::load(partial + s * count, i), [](float a, float b) { return a + b; });
        }

        dk::store(dw, i, sum);
    });
}
DK_KERNEL(conv2d_wgrad_finish_f32);
