// dilated_conv3x3_f32: y(p, k) = sum over taps t and channels c of x(p + dilation * t, c) * w(k, t, c), SAME padding, batch 1.
//
// A sample of the shape that real kernels have, for timing the host runtime: an implicit GEMM of 64 positions x 64 output channels a block,
// 256 threads with 4 x 4 sums each, K in steps of 16 channels of one tap through shared memory, two barriers a step.
//
// Layout    x [height][width][channels], w [channels_out][9][channels], y [height][width][channels_out]; channels a multiple of 16,
//           channels_out of 64.
// Grid      ceil(height * width / 64) x channels_out / 64.
#include "dk/cuda.cuh"

namespace {

constexpr int TilePositions = 64;
constexpr int TileChannels = 64;
constexpr int Step = 16;

}  // namespace

extern "C" __global__ void __launch_bounds__(256) dilated_conv3x3_f32(
    const float* x, const float* w, float* y, int height, int width, int channels, int channels_out, int dilation)
{
    DK_SHARED(float, xs, Step, TilePositions);
    DK_SHARED(float, ws, Step, TileChannels);
    int thread = threadIdx.x, tx = thread % 16, ty = thread / 16;
    int first_position = blockIdx.x * TilePositions, first_channel = blockIdx.y * TileChannels;

    // Each thread brings four channels of one position and of one output channel a step.
    int load_row = thread / 4, load_column = thread % 4 * 4;
    int position = first_position + load_row;
    int oy = position / width, ox = position % width;

    float sums[4][4] = {};
    for (int tap = 0; tap < 9; tap++) {
        int iy = oy + (tap / 3 - 1) * dilation, ix = ox + (tap % 3 - 1) * dilation;
        bool inside = position < height * width && iy >= 0 && iy < height && ix >= 0 && ix < width;
        for (int c = 0; c < channels; c += Step) {
            float4 a = make_float4(0, 0, 0, 0);
            if (inside) {
                a = *reinterpret_cast<const float4*>(&x[(static_cast<long long>(iy) * width + ix) * channels + c + load_column]);
            }

            float4 b = *reinterpret_cast<const float4*>(&w[(static_cast<long long>(first_channel + load_row) * 9 + tap) * channels + c + load_column]);
            __syncthreads();
            xs[load_column][load_row] = a.x;
            xs[load_column + 1][load_row] = a.y;
            xs[load_column + 2][load_row] = a.z;
            xs[load_column + 3][load_row] = a.w;
            ws[load_column][load_row] = b.x;
            ws[load_column + 1][load_row] = b.y;
            ws[load_column + 2][load_row] = b.z;
            ws[load_column + 3][load_row] = b.w;
            __syncthreads();
#pragma unroll
            for (int k = 0; k < Step; k++) {
                float4 p = *reinterpret_cast<const float4*>(&xs[k][ty * 4]), q = *reinterpret_cast<const float4*>(&ws[k][tx * 4]);
                float left[4] = {p.x, p.y, p.z, p.w}, right[4] = {q.x, q.y, q.z, q.w};
#pragma unroll
                for (int i = 0; i < 4; i++) {
#pragma unroll
                    for (int j = 0; j < 4; j++) {
                        sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
                    }
                }
            }
        }
    }

    for (int i = 0; i < 4; i++) {
        int out = first_position + ty * 4 + i;
        if (out < height * width) {
            *reinterpret_cast<float4*>(&y[static_cast<long long>(out) * channels_out + first_channel + tx * 4]) =
                make_float4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
        }
    }
}
DK_KERNEL(dilated_conv3x3_f32);
