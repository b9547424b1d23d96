// softmax_cross_entropy_f32: partial(b) = sum over the valid pixels p of block b of -log softmax(x(p))(label(p)), and, where dscores is given,
//                            dscores(p, c) = share * (softmax(x(p))(c) - [c = label(p)]), zero at pixels whose label is `ignored`
//
// One reading of the scores gives loss and gradient: no probabilities in memory, no second pass. The loss is the sum of partial divided
// by the number of valid pixels (sum_partials_f32); share is one by that number.
// Layout    channels-last: positions x channels, float32, contiguous, addresses multiples of 16; labels one byte a position; partial one
//           double a block.
// Classes   _cN: up to N classes, a thread has a pixel's in registers (pixel_tile.cuh); N is the nearest of 8, 16, 24, 32, 48, 64.
//           _wide: any number, a warp a pixel.
// Grid      _cN: block 128, one pixel a thread; dynamic shared memory 128 * (channels | 1) floats. _wide: block 256, one pixel a warp.
// Bytes     8 an element and 1 a pixel. 8 x 21 x 528 x 528 (46.8 M elements): 377 MB, bound by memory.
#include "../dk/cuda.cuh"
#include "../dk/reduce.cuh"
#include "../dk/step_value.cuh"
#include "online.cuh"
#include "pixel_tile.cuh"

namespace {

constexpr int WideThreads = 256;

// -log of the label's probability. The difference keeps its low bits, which float32 would lose beside a large logarithm.
__device__ __forceinline__ double cross_entropy(float sum, float most, float score)
{
    return static_cast<double>(logf(sum)) + (static_cast<double>(most) - static_cast<double>(score));
}

template <int Padded>
__device__ __forceinline__ void softmax_cross_entropy(
    const float* scores, const unsigned char* labels, int ignored, float share, float* dscores, double* partial, long long positions, int channels)
{
    DK_DYNAMIC_SHARED(float, memory);
    DK_SHARED(double, sums, dk::TilePixels / 32);
    dk::PixelTile tile(memory, positions, channels);
    tile.load(scores);
    __syncthreads();

    double loss = 0.0;
    if (tile.has_pixel()) {
        float* pixel = tile.pixel();
        int label = labels[static_cast<long long>(blockIdx.x) * dk::TilePixels + threadIdx.x];
        bool valid = label != ignored;
        float score = valid ? pixel[label] : 0.0f;
        dk::PixelScores<Padded> p;
        p.load(pixel, channels);
        float most = p.maximum(), sum = p.exponentiate(most, channels);
        if (valid) {
            loss = cross_entropy(sum, most, score);
            p.store_scaled(pixel, share / sum, channels);
            pixel[label] -= share;
        } else {
#pragma unroll
            for (int c = 0; c < Padded; c++) {
                if (c < channels) {
                    pixel[c] = 0.0f;
                }
            }
        }
    }

    // Its barrier also stands between the gradients and their store.
    loss = dk::block_sum_to_first<dk::TilePixels / 32>(loss, sums);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = loss;
    }

    if (dscores != nullptr) {
        tile.store(dscores);
    }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_cross_entropy_f32_c8(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    softmax_cross_entropy<8>(scores, labels, ignored, share.get(), dscores, partial, positions, channels);
}
DK_KERNEL(softmax_cross_entropy_f32_c8);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_cross_entropy_f32_c16(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    softmax_cross_entropy<16>(scores, labels, ignored, share.get(), dscores, partial, positions, channels);
}
DK_KERNEL(softmax_cross_entropy_f32_c16);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_cross_entropy_f32_c24(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    softmax_cross_entropy<24>(scores, labels, ignored, share.get(), dscores, partial, positions, channels);
}
DK_KERNEL(softmax_cross_entropy_f32_c24);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_cross_entropy_f32_c32(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    softmax_cross_entropy<32>(scores, labels, ignored, share.get(), dscores, partial, positions, channels);
}
DK_KERNEL(softmax_cross_entropy_f32_c32);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_cross_entropy_f32_c48(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    softmax_cross_entropy<48>(scores, labels, ignored, share.get(), dscores, partial, positions, channels);
}
DK_KERNEL(softmax_cross_entropy_f32_c48);

extern "C" __global__ void __launch_bounds__(dk::TilePixels, dk::TileBlocks) softmax_cross_entropy_f32_c64(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    softmax_cross_entropy<64>(scores, labels, ignored, share.get(), dscores, partial, positions, channels);
}
DK_KERNEL(softmax_cross_entropy_f32_c64);

extern "C" __global__ void __launch_bounds__(WideThreads) softmax_cross_entropy_f32_wide(
    const float* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, float* dscores, double* partial, long long positions,
    int channels)
{
    DK_SHARED(double, sums, WideThreads / 32);
    long long p = static_cast<long long>(blockIdx.x) * (WideThreads / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    double loss = 0.0;
    if (p < positions) {
        const float* x = scores + p * channels;
        int label = labels[p];
        bool valid = label != ignored;
        dk::OnlineSum all = dk::online_sum(x, channels);
        if (valid && lane == 0) {
            loss = cross_entropy(all.sum, all.most, x[label]);
        }

        if (dscores != nullptr) {
            float own_share = share.get(), factor = own_share / all.sum;
            for (int c = lane; c < channels; c += 32) {
                float probability = expf(x[c] - all.most) * factor;
                dscores[p * channels + c] = valid ? probability - (c == label ? own_share : 0.0f) : 0.0f;
            }
        }
    }

    loss = dk::block_sum_to_first<WideThreads / 32>(loss, sums);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = loss;
    }
}
DK_KERNEL(softmax_cross_entropy_f32_wide);
