// focal_loss_f32, _bf16: with s = softmax(x(p)), l = label(p), q = s(l), w = weights(l) (1 without weights), over pixels p whose label is not `ignored`:
//                        partial(b) = sum over the pixels of block b of w (1 - q)^gamma (-log q), and, where dscores is given,
//                        dscores(p, c) = share w ((1 - q)^gamma - gamma q (1 - q)^(gamma - 1) log q) (s(c) - [c = l]), zero at pixels that are ignored
//
// The loss is the sum of partial divided by the sum of the weights of all pixels that count (sum_partials_f32); share is one by that sum. With gamma = 0 it
// is a weighted cross-entropy. 1 - q is summed from the other classes and not subtracted, and -log q = log1p((1 - q) / q) where q is large, so that a
// pixel that is nearly right still has its digits.
// Layout    channels-last: positions x channels, float32 or bfloat16, contiguous, addresses multiples of 16; labels one byte a position; weights one
//           float a class; partial one double a block. Arithmetic is float32, and a gradient is rounded once.
// Classes   _cN: up to N classes, a thread has a pixel's in registers (pixel_tile.cuh); N is the nearest of 8, 16, 24, 32, 48, 64.
//           _wide: any number, a warp a pixel.
// Grid      _cN: block 128, one pixel a thread; dynamic shared memory 128 * (channels | 1) floats. _wide: block 256, one pixel a warp.
// Bytes     8 an element in float32, 4 in bfloat16, and 1 a pixel, as softmax_cross_entropy.cu.
#include "../dk/cuda.cuh"
#include "../dk/reduce.cuh"
#include "../dk/step_value.cuh"
#include "online.cuh"
#include "pixel_tile.cuh"

namespace {

constexpr int WideThreads = 256;

// A class of weight 0 is as good as ignored, whatever its scores are. So that nothing else needs to know, and no register is spent on it.
__device__ __forceinline__ int label_of(int label, int ignored, const float* weights)
{
    return label != ignored && weights != nullptr && weights[label] == 0.0f ? ignored : label;
}

struct PixelLoss {
    float right;  // q
    float wrong;  // 1 - q
    float slope;  // what (s - onehot) is multiplied by in the gradient, without weight and share
    double loss;  // without weight

    // others is the sum of e^(score - most) over the classes that are not the label.
    __device__ __forceinline__ PixelLoss(float sum, float others, float most, float score, float gamma)
        : right(expf(score - most) / sum), wrong(others / sum)
    {
        double entropy = right > 0.5f ? static_cast<double>(log1pf(wrong / right))
                                      : static_cast<double>(logf(sum)) + (static_cast<double>(most) - static_cast<double>(score));
        float focus = gamma == 0.0f ? 1.0f : powf(wrong, gamma);
        // -log(q) / (1 - q) is 1 in the limit.
        float ratio = wrong > 0.0f ? static_cast<float>(entropy) / wrong : 1.0f;
        slope = gamma == 0.0f ? 1.0f : focus * (1.0f + gamma * right * ratio);
        loss = static_cast<double>(focus) * entropy;
    }
};

template <int Padded, class T>
__device__ __forceinline__ void focal_loss(
    const T* scores, const unsigned char* labels, int ignored, const float* weights, float gamma, float share, T* dscores, double* partial,
    long long positions, int channels)
{
    DK_DYNAMIC_SHARED(float, memory);
    DK_SHARED(double, sums, dk::TilePixels / 32);
    dk::PixelTile tile(memory, positions, channels);
    tile.load(scores);
    __syncthreads();

    double loss = 0.0;
    if (tile.has_pixel()) {
        float* pixel = tile.pixel();
        int label = label_of(labels[static_cast<long long>(blockIdx.x) * dk::TilePixels + threadIdx.x], ignored, weights);
        bool valid = label != ignored;
        float score = valid ? pixel[label] : 0.0f;
        dk::PixelScores<Padded> p;
        p.load(pixel, channels);
        float most = p.maximum(), sum = p.exponentiate(most, channels), others = 0.0f;
#pragma unroll
        for (int c = 0; c < Padded; c++) {
            others += c == label ? 0.0f : p.at[c];
        }

        if (valid) {
            PixelLoss at(sum, others, most, score, gamma);
            float weight = weights == nullptr ? 1.0f : weights[label];
            float factor = weight * share * at.slope;
            loss = static_cast<double>(weight) * at.loss;
            p.store_scaled(pixel, factor / sum, channels);
            pixel[label] = -factor * at.wrong;
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
__device__ __forceinline__ void focal_loss_wide(
    const T* scores, const unsigned char* labels, int ignored, const float* weights, float gamma, float share, T* dscores, double* partial,
    long long positions, int channels)
{
    DK_SHARED(double, sums, WideThreads / 32);
    long long p = static_cast<long long>(blockIdx.x) * (WideThreads / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    double loss = 0.0;
    if (p < positions) {
        const T* x = scores + p * channels;
        int label = label_of(labels[p], ignored, weights);
        bool valid = label != ignored;
        dk::OnlineSum all = dk::online_sum(x, channels);
        float others = 0.0f;
        for (int c = lane; c < channels; c += 32) {
            others += c == label ? 0.0f : expf(dk::to_float(x[c]) - all.most);
        }

        others = dk::warp_sum(others);
        PixelLoss at(all.sum, others, all.most, valid ? dk::to_float(x[label]) : all.most, gamma);
        float weight = !valid ? 0.0f : weights == nullptr ? 1.0f : weights[label];
        if (valid && lane == 0) {
            loss = static_cast<double>(weight) * at.loss;
        }

        if (dscores != nullptr) {
            float factor = weight * share * at.slope;
            for (int c = lane; c < channels; c += 32) {
                float probability = expf(dk::to_float(x[c]) - all.most) / all.sum;
                dk::store(dscores + p * channels + c, valid ? factor * (c == label ? -at.wrong : probability) : 0.0f);
            }
        }
    }

    loss = dk::block_sum_to_first<WideThreads / 32>(loss, sums);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = loss;
    }
}

}  // namespace

#define DK_FOCAL_LOSS(name, T, threads, blocks, function) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name( \
        const T* scores, const unsigned char* labels, int ignored, const float* weights, float gamma, dk::StepValue<float> share, T* dscores, \
        double* partial, long long positions, int channels) \
    { \
        function(scores, labels, ignored, weights, gamma, share.get(), dscores, partial, positions, channels); \
    } \
    DK_KERNEL(name)

#define DK_FOCAL_LOSSES(type, T) \
    DK_FOCAL_LOSS(focal_loss_##type##_c8, T, dk::TilePixels, dk::TileBlocks, focal_loss<8>); \
    DK_FOCAL_LOSS(focal_loss_##type##_c16, T, dk::TilePixels, dk::TileBlocks, focal_loss<16>); \
    DK_FOCAL_LOSS(focal_loss_##type##_c24, T, dk::TilePixels, dk::TileBlocks, focal_loss<24>); \
    DK_FOCAL_LOSS(focal_loss_##type##_c32, T, dk::TilePixels, dk::TileBlocks, focal_loss<32>); \
    DK_FOCAL_LOSS(focal_loss_##type##_c48, T, dk::TilePixels, dk::TileBlocks, focal_loss<48>); \
    DK_FOCAL_LOSS(focal_loss_##type##_c64, T, dk::TilePixels, dk::TileBlocks, focal_loss<64>); \
    DK_FOCAL_LOSS(focal_loss_##type##_wide, T, WideThreads, 1, focal_loss_wide)

DK_FOCAL_LOSSES(f32, float);
DK_FOCAL_LOSSES(bf16, dk::bf16);
