// softmax_forward_f32, _bf16:    y(p, c) = e^(x(p, c) - m(p)) / sum over k of e^(x(p, k) - m(p)), with m(p) the largest x(p, k)
// softmax_backward_f32, _bf16:   dx(p, c) = y(p, c) * (dy(p, c) - sum over k of y(p, k) dy(p, k))
//
// Layout    channels-last: positions x channels, float32 or bfloat16, contiguous, addresses multiples of 16; arithmetic in float32. dx may be dy.
// Classes   _cN: up to N classes, a thread has a pixel's in registers (pixel_tile.cuh); N is the nearest of 8, 16, 24, 32, 48, 64, as
//           padded ones cost arithmetic only. _wide: any number, a warp a pixel.
// Grid      _cN: block 128, one pixel a thread; dynamic shared memory 128 * (channels | 1) floats. _wide: block 256, one pixel a warp.
// Bytes     8 an element forward, 12 backward, half in bfloat16. 8 x 21 x 528 x 528 (46.8 M elements): 375 MB and 562 MB in float32, bound by
//           memory.
#include "../dk/cuda.cuh"
#include "../dk/reduce.cuh"
#include "online.cuh"
#include "pixel_tile.cuh"

namespace {

constexpr int WideThreads = 256;

template <int Padded, class T>
__device__ __forceinline__ void softmax_forward(const T* x, T* y, long long positions, int channels)
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

template <int Padded, class T>
__device__ __forceinline__ void softmax_backward(const T* y, const T* dy, T* dx, long long positions, int channels)
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

template <class T>
__device__ __forceinline__ void softmax_forward_wide(const T* x, T* y, long long positions, int channels)
{
    long long p = wide_position();
    if (p >= positions) {
        return;  // the whole warp at once
    }

    x += p * channels;
    y += p * channels;
    dk::OnlineSum all = dk::online_sum(x, channels);
    float factor = 1.0f / all.sum;
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        dk::store(y + c, expf(dk::to_float(x[c]) - all.most) * factor);
    }
}

template <class T>
__device__ __forceinline__ void softmax_backward_wide(const T* y, const T* dy, T* dx, long long positions, int channels)
{
    long long p = wide_position();
    if (p >= positions) {
        return;  // the whole warp at once
    }

    y += p * channels;
    dy += p * channels;
    dx += p * channels;
    float mean = 0.0f;
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        mean = fmaf(dk::to_float(y[c]), dk::to_float(dy[c]), mean);
    }

    mean = dk::warp_sum(mean);
    for (int c = threadIdx.x % 32; c < channels; c += 32) {
        dk::store(dx + c, dk::to_float(y[c]) * (dk::to_float(dy[c]) - mean));
    }
}

}  // namespace

#define DK_SOFTMAX_FORWARD(name, T, Padded) \
    extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) name(const T* x, T* y, long long positions, int channels) \
    { \
        softmax_forward<Padded>(x, y, positions, channels); \
    } \
    DK_KERNEL(name)

#define DK_SOFTMAX_BACKWARD(name, T, Padded) \
    extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) name( \
        const T* y, const T* dy, T* dx, long long positions, int channels) \
    { \
        softmax_backward<Padded>(y, dy, dx, positions, channels); \
    } \
    DK_KERNEL(name)

#define DK_SOFTMAX(type, T) \
    DK_SOFTMAX_FORWARD(softmax_forward_##type##_c8, T, 8); \
    DK_SOFTMAX_FORWARD(softmax_forward_##type##_c16, T, 16); \
    DK_SOFTMAX_FORWARD(softmax_forward_##type##_c24, T, 24); \
    DK_SOFTMAX_FORWARD(softmax_forward_##type##_c32, T, 32); \
    DK_SOFTMAX_FORWARD(softmax_forward_##type##_c48, T, 48); \
    DK_SOFTMAX_FORWARD(softmax_forward_##type##_c64, T, 64); \
    DK_SOFTMAX_BACKWARD(softmax_backward_##type##_c8, T, 8); \
    DK_SOFTMAX_BACKWARD(softmax_backward_##type##_c16, T, 16); \
    DK_SOFTMAX_BACKWARD(softmax_backward_##type##_c24, T, 24); \
    DK_SOFTMAX_BACKWARD(softmax_backward_##type##_c32, T, 32); \
    DK_SOFTMAX_BACKWARD(softmax_backward_##type##_c48, T, 48); \
    DK_SOFTMAX_BACKWARD(softmax_backward_##type##_c64, T, 64); \
    extern "C" __global__ void __launch_bounds__(WideThreads) softmax_forward_##type##_wide(const T* x, T* y, long long positions, int channels) \
    { \
        softmax_forward_wide(x, y, positions, channels); \
    } \
    DK_KERNEL(softmax_forward_##type##_wide); \
    extern "C" __global__ void __launch_bounds__(WideThreads) softmax_backward_##type##_wide( \
        const T* y, const T* dy, T* dx, long long positions, int channels) \
    { \
        softmax_backward_wide(y, dy, dx, positions, channels); \
    } \
    DK_KERNEL(softmax_backward_##type##_wide)

DK_SOFTMAX(f32, float);
DK_SOFTMAX(bf16, dk::bf16);
