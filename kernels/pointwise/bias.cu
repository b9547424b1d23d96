// bias_forward_f32:            y(p, c) = x(p, c) + bias(c)
// bias_backward_partial_f32:   partial(s, c) = sum of dy(p, c) over the positions p of slice s
// bias_backward_finish_f32:    db(c) = sum over s of partial(s, c)
//
// Layout    channels-last: positions x channels, float32, contiguous. partial is slices x channels, float64. y may be x.
// Forward   any number of blocks of any size; bytes 8 an element, at 8 x 64 x 66 x 66: 17.8 MB.
// Backward  in two launches and always in the same order, so the bits depend on the number of slices alone, never on timing.
//   partial   block 32 x 8, grid ceil(channels / 32) x slices. A warp reads 32 neighbouring channels of a position, so rows are
//             read whole; 8 warps take every eighth position of the slice, and their sums are added in warp order.
//             slice s holds positions [s * slice_positions, (s + 1) * slice_positions).
//   finish    block 256 = 8 warps, one warp a channel, grid ceil(channels / 8): lanes stride over the slices, then a shuffle tree.
//   Sums are float64: a map has so many positions that float32 sums lose digits, and memory is what the kernels wait for.
//   Bytes     4 an element: 8.9 MB at the same shape; partial is some ten KB.
#include "../dk/cuda.cuh"

extern "C" __global__ void __launch_bounds__(256) bias_forward_f32(const float* x, const float* bias, float* y, long long positions, int channels)
{
    long long count = positions * channels, stride = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        y[i] = x[i] + __ldg(&bias[i % channels]);
    }
}
DK_KERNEL(bias_forward_f32);

namespace {

constexpr int Lanes = 32;
constexpr int Warps = 8;

}  // namespace

extern "C" __global__ void __launch_bounds__(Lanes * Warps) bias_backward_partial_f32(
    const float* dy, double* partial, long long positions, int channels, int slice_positions)
{
    DK_SHARED(double, sums, Warps, Lanes);
    int lane = threadIdx.x, warp = threadIdx.y;
    int channel = blockIdx.x * Lanes + lane;
    long long begin = static_cast<long long>(blockIdx.y) * slice_positions;
    long long end = begin + slice_positions < positions ? begin + slice_positions : positions;

    double sum = 0.0;
    if (channel < channels) {
        for (long long p = begin + warp; p < end; p += Warps) {
            sum += dy[p * channels + channel];
        }
    }

    sums[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && channel < channels) {
        for (int w = 1; w < Warps; w++) {
            sum += sums[w][lane];
        }

        partial[static_cast<long long>(blockIdx.y) * channels + channel] = sum;
    }
}
DK_KERNEL(bias_backward_partial_f32);

extern "C" __global__ void __launch_bounds__(Lanes * Warps) bias_backward_finish_f32(const double* partial, float* db, int slices, int channels)
{
    int lane = threadIdx.x % Lanes, channel = blockIdx.x * Warps + threadIdx.x / Lanes;
    if (channel >= channels) {
        return;  // the whole warp at once
    }

    double sum = 0.0;
    for (int s = lane; s < slices; s += Lanes) {
        sum += partial[static_cast<long long>(s) * channels + channel];
    }

    for (int distance = Lanes / 2; distance > 0; distance /= 2) {
        sum += __shfl_down_sync(0xFFFFFFFFu, sum, distance);
    }

    if (lane == 0) {
        db[channel] = static_cast<float>(sum);
    }
}
DK_KERNEL(bias_backward_finish_f32);
