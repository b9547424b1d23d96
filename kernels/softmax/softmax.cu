// softmax_forward_f32:    y(p, c) = e^(x(p, c) - m(p)) / sum over k of e^(x(p, k) - m(p)), with m(p) the largest x(p, k)
// softmax_backward_f32:   dx(p, c) = y(p, c) * (dy(p, c) - sum over k of y(p, k) dy(p, k))
//
// Layout    channels-last: positions x channels, float32, contiguous, addresses multiples of 16. dx may be dy.
// Classes   _cN: up to N classes, a thread has a pixel's in registers (pixel_tile.cuh); N is the nearest of 8, 16, 24, 32, 48, 64, as
//           padded ones cost arithmetic only. _wide: any number, a warp a pixel.
// Grid      _cN: block 128, one pixel a thread; dynamic shared memory 128 * (channels | 1) floats. _wide: block 256, one pixel a warp.
// Bytes     8 an element forward, 12 backward. 8 x 21 x 528 x 528 (46.8 M elements): 375 MB and 562 MB, bound by memory.
#include "../dk/cuda.cuh"
#include "../dk/reduce.cuh"
#include "online.cuh"
#include "pixel_tile.cuh"

namespace {

constexpr int WideThreads = 256;

template <int Padded>
__device__ __forceinline__ void softmax_forward(const float* x, float* y, long long positions, int channels)
{
    DK_DYNAMIC_SHARED(float, memory);
    dk::PixelTile tile(memory, positions, channels);
    tile.load(x);
    __syncthreads();
    if (tile.has_pixel()) {
        dk::PixelScores<Padded> scores;
        scores.load(tile.pixel(), channels);
        float sum = scores.exponentiate(scores.maximum(), channels);
        scores.store_scaled(tile.pixel(), 1.0f / sum, channels);
    }

    __syncthreads();
    tile.store(y);
}

template <int Padded>
__device__ __forceinline__ void softmax_backward(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    DK_DYNAMIC_SHARED(float, memory);
    dk::PixelTile tile(memory, positions, channels);
    float probabilities[Padded];
    tile.load(y);
    __syncthreads();
    if (tile.has_pixel()) {
#pragma unroll
        for (int c = 0; c < Padded; c++) {
            probabilities[c] = c < channels ? tile.pixel()[c] : 0.0f;
        }
    }

    __syncthreads();
    tile.load(dy);
    __syncthreads();
    if (tile.has_pixel()) {
        float* d = tile.pixel();
        float mean = 0.0f;
#pragma unroll
        for (int c = 0; c < Padded; c++) {
            if (c < channels) {
                mean = fmaf(probabilities[c], d[c], mean);
            }
        }

#pragma unroll
        for (int c = 0; c < Padded; c++) {
            if (c < channels) {
                d[c] = probabilities[c] * (d[c] - mean);
            }
        }
    }

    __syncthreads();
    tile.store(dx);
}

__device__ __forceinline__ long long wide_position() { return static_cast<long long>(blockIdx.x) * (WideThreads / 32) + threadIdx.x / 32; }

}  // namespace

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_forward_f32_c8(const float* x, float* y, long long positions, int channels)
{
    softmax_forward<8>(x, y, positions, channels);
}
DK_KERNEL(softmax_forward_f32_c8);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_forward_f32_c16(const float* x, float* y, long long positions, int channels)
{
    softmax_forward<16>(x, y, positions, channels);
}
DK_KERNEL(softmax_forward_f32_c16);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_forward_f32_c24(const float* x, float* y, long long positions, int channels)
{
    softmax_forward<24>(x, y, positions, channels);
}
DK_KERNEL(softmax_forward_f32_c24);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_forward_f32_c32(const float* x, float* y, long long positions, int channels)
{
    softmax_forward<32>(x, y, positions, channels);
}
DK_KERNEL(softmax_forward_f32_c32);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_forward_f32_c48(const float* x, float* y, long long positions, int channels)
{
    softmax_forward<48>(x, y, positions, channels);
}
DK_KERNEL(softmax_forward_f32_c48);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_forward_f32_c64(const float* x, float* y, long long positions, int channels)
{
    softmax_forward<64>(x, y, positions, channels);
}
DK_KERNEL(softmax_forward_f32_c64);

extern "C" __global__ void __launch_bounds__(WideThreads) softmax_forward_f32_wide(const float* x, float* y, long long positions, int channels)
{
    long long p = wide_position();
    if (p >= positions) {
        return;  // the whole warp at once
    }

    dk::OnlineSum all = dk::online_sum(x + p * channels, channels);
    float factor = 1.0f / all.sum;
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        y[p * channels + c] = expf(x[p * channels + c] - all.most) * factor;
    }
}
DK_KERNEL(softmax_forward_f32_wide);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_backward_f32_c8(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    softmax_backward<8>(y, dy, dx, positions, channels);
}
DK_KERNEL(softmax_backward_f32_c8);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_backward_f32_c16(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    softmax_backward<16>(y, dy, dx, positions, channels);
}
DK_KERNEL(softmax_backward_f32_c16);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_backward_f32_c24(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    softmax_backward<24>(y, dy, dx, positions, channels);
}
DK_KERNEL(softmax_backward_f32_c24);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_backward_f32_c32(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    softmax_backward<32>(y, dy, dx, positions, channels);
}
DK_KERNEL(softmax_backward_f32_c32);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_backward_f32_c48(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    softmax_backward<48>(y, dy, dx, positions, channels);
}
DK_KERNEL(softmax_backward_f32_c48);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_backward_f32_c64(const float* y, const float* dy, float* dx, long long positions, int channels)
{
    softmax_backward<64>(y, dy, dx, positions, channels);
}
DK_KERNEL(softmax_backward_f32_c64);

extern "C" __global__ void __launch_bounds__(WideThreads) softmax_backward_f32_wide(
    const float* y, const float* dy, float* dx, long long positions, int channels)
{
    long long p = wide_position();
    if (p >= positions) {
        return;  // the whole warp at once
    }

    float mean = 0.0f;
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        mean = fmaf(y[p * channels + c], dy[p * channels + c], mean);
    }

    mean = dk::warp_sum(mean);
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        dx[p * channels + c] = y[p * channels + c] * (dy[p * channels + c] - mean);
    }
}
DK_KERNEL(softmax_backward_f32_wide);
