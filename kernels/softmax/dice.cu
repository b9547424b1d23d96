// The soft Dice loss of probabilities P, over the pixels p whose label is not `ignored`, and its gradient:
//   dice_sums_f32:      partial(b, 0..2, c) = sums over the pixels of block b of P(p, c) [label(p) = c], P(p, c)^2 and [label(p) = c]
//   dice_finish_f32:    with I, S, Y the sums of these over b, D(c) = 2 I / (S + Y), and K the number of classes with Y > 0:
//                       loss = share / K * sum over these classes of 1 - D(c), 0 where there are none, and the gradient's factors
//                       factors(0, c) = -2 share / (K (S + Y)), factors(1, c) = 4 share I / (K (S + Y)^2), 0 for the other classes
//   dice_gradient_f32:  dP(p, c) = dy * (factors(0, c) [label(p) = c] + factors(1, c) P(p, c)), zero at pixels that are ignored
//
// Sums are double precision in a fixed order: a thread's pixels, the block's threads, the blocks.
// Layout    channels-last: positions x channels of float32; labels one byte a position; partial 3 x channels doubles a block; factors 2 x channels floats.
// Grid      sums and gradient: any number of blocks of 256, `span` pixels each; neighbouring threads have neighbouring classes. finish: one block of 256.
// Bytes     4 an element for the sums, 8 for the gradient, and 1 a pixel each.
#include "../dk/cuda.cuh"
#include "../dk/reduce.cuh"

namespace {

constexpr int Threads = 256;

// A thread's class and pixels: as many classes side by side as there are threads for, and rows of pixels below each other.
struct Place {
    int width, rows, column, row;
    long long first, last;

    __device__ __forceinline__ Place(long long positions, int channels, int span)
        : width(channels < Threads ? channels : Threads), rows(Threads / width), column(static_cast<int>(threadIdx.x) % width),
          row(static_cast<int>(threadIdx.x) / width), first(static_cast<long long>(blockIdx.x) * span),
          last(first + span < positions ? first + span : positions)
    {
    }

    // Threads beyond the last whole row have no pixels.
    __device__ __forceinline__ long long start() const { return row < rows ? first + row : last; }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(Threads) dice_sums_f32(
    const float* probabilities, const unsigned char* labels, int ignored, double* partial, long long positions, int channels, int span)
{
    DK_SHARED(double, sums, 3, Threads);
    Place at(positions, channels, span);
    for (int base = 0; base < channels; base += at.width) {
        int c = base + at.column;
        double both = 0.0, squares = 0.0, own = 0.0;
        for (long long p = at.start(); p < at.last && c < channels; p += at.rows) {
            int label = labels[p];
            if (label != ignored) {
                double value = static_cast<double>(probabilities[p * channels + c]);
                squares += value * value;
                if (label == c) {
                    both += value;
                    own += 1.0;
                }
            }
        }

        __syncthreads();
        sums[0][threadIdx.x] = both;
        sums[1][threadIdx.x] = squares;
        sums[2][threadIdx.x] = own;
        __syncthreads();
        if (at.row == 0 && c < channels) {
            for (int k = 0; k < 3; k++) {
                double sum = 0.0;
                for (int row = 0; row < at.rows; row++) {
                    sum += sums[k][row * at.width + at.column];
                }

                partial[(static_cast<long long>(blockIdx.x) * 3 + k) * channels + c] = sum;
            }
        }
    }
}
DK_KERNEL(dice_sums_f32);

extern "C" __global__ void __launch_bounds__(Threads) dice_finish_f32(
    const double* partial, int blocks, int channels, float share, float* factors, float* loss)
{
    DK_SHARED(double, sums, Threads / 32);
    DK_SHARED(double, scale, 1);
    double missing = 0.0, present = 0.0;
    for (int c = threadIdx.x; c < channels; c += Threads) {
        double sum[3] = {0.0, 0.0, 0.0};
        for (int b = 0; b < blocks; b++) {
#pragma unroll
            for (int k = 0; k < 3; k++) {
                sum[k] += partial[(static_cast<long long>(b) * 3 + k) * channels + c];
            }
        }

        if (sum[2] > 0.0) {
            missing += 1.0 - 2.0 * sum[0] / (sum[1] + sum[2]);
            present += 1.0;
        }
    }

    missing = dk::block_sum_to_first<Threads / 32>(missing, sums);
    __syncthreads();
    present = dk::block_sum_to_first<Threads / 32>(present, sums);
    if (threadIdx.x == 0) {
        scale[0] = present > 0.0 ? static_cast<double>(share) / present : 0.0;
        loss[0] = static_cast<float>(missing * scale[0]);
    }

    __syncthreads();
    for (int c = threadIdx.x; c < channels; c += Threads) {
        double sum[3] = {0.0, 0.0, 0.0};
        for (int b = 0; b < blocks; b++) {
#pragma unroll
            for (int k = 0; k < 3; k++) {
                sum[k] += partial[(static_cast<long long>(b) * 3 + k) * channels + c];
            }
        }

        double total = sum[1] + sum[2];
        factors[c] = sum[2] > 0.0 ? static_cast<float>(-2.0 * scale[0] / total) : 0.0f;
        factors[channels + c] = sum[2] > 0.0 ? static_cast<float>(4.0 * scale[0] * sum[0] / (total * total)) : 0.0f;
    }
}
DK_KERNEL(dice_finish_f32);

extern "C" __global__ void __launch_bounds__(Threads) dice_gradient_f32(
    const float* probabilities, const unsigned char* labels, int ignored, const float* factors, const float* dy, float* dprobabilities,
    long long positions, int channels, int span)
{
    Place at(positions, channels, span);
    float upstream = dy[0];
    for (int c = at.column; c < channels; c += at.width) {
        float own = factors[c], slope = factors[channels + c];
        for (long long p = at.start(); p < at.last; p += at.rows) {
            int label = labels[p];
            float value = fmaf(slope, probabilities[p * channels + c], label == c ? own : 0.0f);
            dprobabilities[p * channels + c] = label == ignored ? 0.0f : upstream * value;
        }
    }
}
DK_KERNEL(dice_gradient_f32);
