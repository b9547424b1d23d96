// bias_forward_f32, _bf16:            y(p, c) = x(p, c) + bias(c)
// bias_backward_partial_f32, _bf16:   partial(s, c) = sum of dy(p, c) over the positions p of slice s
// bias_backward_finish_f32:           db(c) = sum over s of partial(s, c)
//
// Layout    channels-last: positions x channels, float32 or bfloat16, contiguous; bias and db are float32. partial is slices x channels, float64.
//           y may be x.
// Forward   any number of blocks of any size; bytes 8 an element in float32, 4 in bfloat16, at 8 x 64 x 66 x 66: 17.8 MB and 8.9 MB.
// Backward  in two launches and always in the same order, so the bits depend on the number of slices alone, never on timing.
//   partial   block 32 x 8, grid ceil(channels / 32) x slices. A warp reads 32 neighbouring channels of a position, so rows are
//             read whole; 8 warps take every eighth position of the slice, and their sums are added in warp order.
//             slice s holds positions [s * slice_positions, (s + 1) * slice_positions).
//   finish    block 256 = 8 warps, one warp a channel, grid ceil(channels / 8): lanes stride over the slices, then a shuffle tree.
//   Sums are float64: a map has so many positions that float32 sums lose digits, and memory is what the kernels wait for.
//   Bytes     4 an element in float32, 2 in bfloat16: 8.9 MB and 4.5 MB at the same shape; partial is some ten KB.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"

namespace {

constexpr int Lanes = 32;
constexpr int Warps = 8;

template <class T>
__device__ __forceinline__ void bias_forward(const T* x, const float* bias, T* y, long long positions, int channels)
{
    long long count = positions * channels, stride = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        dk::store(y + i, dk::to_float(x[i]) + __ldg(&bias[i % channels]));
    }
}

template <class T>
__device__ __forceinline__ void bias_backward_partial(const T* dy, double* partial, long long positions, int channels, int slice_positions)
{
    DK_SHARED(double, sums, Warps, Lanes);
    int lane = threadIdx.x, warp = threadIdx.y;
    int channel = blockIdx.x * Lanes + lane;
    long long begin = static_cast<long long>(blockIdx.y) * slice_positions;
    long long end = begin + slice_positions < positions ? begin + slice_positions : positions;

    double sum = 0.0;
    if (channel < channels) {
        for (long long p = begin + warp; p < end; p += Warps) {
            sum += dk::to_float(dy[p * channels + channel]);
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

}  // namespace

extern "C" __global__ void __launch_bounds__(256) bias_forward_f32(const float* x, const float* bias, float* y, long long positions, int channels)
{
    bias_forward(x, bias, y, positions, channels);
}
DK_KERNEL(bias_forward_f32);

extern "C" __global__ void __launch_bounds__(256) bias_forward_bf16(const dk::bf16* x, const float* bias, dk::bf16* y, long long positions, int channels)
{
    bias_forward(x, bias, y, positions, channels);
}
DK_KERNEL(bias_forward_bf16);

extern "C" __global__ void __launch_bounds__(Lanes * Warps) bias_backward_partial_f32(
    const float* dy, double* partial, long long positions, int channels, int slice_positions)
{
    bias_backward_partial(dy, partial, positions, channels, slice_positions);
}
DK_KERNEL(bias_backward_partial_f32);

extern "C" __global__ void __launch_bounds__(Lanes * Warps) bias_backward_partial_bf16(
    const dk::bf16* dy, double* partial, long long positions, int channels, int slice_positions)
{
    bias_backward_partial(dy, partial, positions, channels, slice_positions);
}
DK_KERNEL(bias_backward_partial_bf16);

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
