// softmax_cross_entropy_f32, _bf16: partial(b) = sum over the valid pixels p of block b of -log softmax(x(p))(label(p)), and, where dscores is given,
//                                   dscores(p, c) = share * (softmax(x(p))(c) - [c = label(p)]), zero at pixels whose label is `ignored`
//
// One reading of the scores gives loss and gradient: no probabilities in memory, no second pass. The loss is the sum of partial divided
// by the number of valid pixels (sum_partials_f32); share is one by that number.
// Layout    channels-last: positions x channels, float32 or bfloat16, contiguous, addresses multiples of 16; labels one byte a position; partial one
//           double a block. Arithmetic is float32, and a gradient is rounded once.
// Classes   _cN: up to N classes, a thread has a pixel's in registers (pixel_tile.cuh); N is the nearest of 8, 16, 24, 32, 48, 64.
//           _wide: any number, a warp a pixel.
// Grid      _cN: block 128, one pixel a thread; dynamic shared memory 128 * (channels | 1) floats. _wide: block 256, one pixel a warp.
// Bytes     8 an element in float32, 4 in bfloat16, and 1 a pixel. 8 x 21 x 528 x 528 (46.8 M elements): 377 MB and 190 MB, bound by memory.
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

template <int Padded, class T>
__device__ __forceinline__ void softmax_cross_entropy(
    const T* scores, const unsigned char* labels, int ignored, float share, T* dscores, double* partial, long long positions, int channels)
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

template <class T>
__device__ __forceinline__ void softmax_cross_entropy_wide(
    const T* scores, const unsigned char* labels, int ignored, float share, T* dscores, double* partial, long long positions, int channels)
{
    DK_SHARED(double, sums, WideThreads / 32);
    long long p = static_cast<long long>(blockIdx.x) * (WideThreads / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    double loss = 0.0;
    if (p < positions) {
        const T* x = scores + p * channels;
        int label = labels[p];
        bool valid = label != ignored;
        dk::OnlineSum all = dk::online_sum(x, channels);
        if (valid && lane == 0) {
            loss = cross_entropy(all.sum, all.most, dk::to_float(x[label]));
        }

        if (dscores != nullptr) {
            float factor = share / all.sum;
            for (int c = lane; c < channels; c += 32) {
                float probability = expf(dk::to_float(x[c]) - all.most) * factor;
                dk::store(dscores + p * channels + c, valid ? probability - (c == label ? share : 0.0f) : 0.0f);
            }
        }
    }

    loss = dk::block_sum_to_first<WideThreads / 32>(loss, sums);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = loss;
    }
}

}  // namespace

#define DK_CROSS_ENTROPY(name, T, threads, blocks, function) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name( \
        const T* scores, const unsigned char* labels, int ignored, dk::StepValue<float> share, T* dscores, double* partial, \
        long long positions, int channels) \
    { \
        function(scores, labels, ignored, share.get(), dscores, partial, positions, channels); \
    } \
    DK_KERNEL(name)

#define DK_CROSS_ENTROPIES(type, T) \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_c8, T, dk::TilePixels, dk::TileBlocks, softmax_cross_entropy<8>); \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_c16, T, dk::TilePixels, dk::TileBlocks, softmax_cross_entropy<16>); \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_c24, T, dk::TilePixels, dk::TileBlocks, softmax_cross_entropy<24>); \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_c32, T, dk::TilePixels, dk::TileBlocks, softmax_cross_entropy<32>); \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_c48, T, dk::TilePixels, dk::TileBlocks, softmax_cross_entropy<48>); \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_c64, T, dk::TilePixels, dk::TileBlocks, softmax_cross_entropy<64>); \
    DK_CROSS_ENTROPY(softmax_cross_entropy_##type##_wide, T, WideThreads, 1, softmax_cross_entropy_wide)

DK_CROSS_ENTROPIES(f32, float);
DK_CROSS_ENTROPIES(bf16, dk::bf16);
