// max_pool_forward_f32, _bf16:    y(n, oy, ox, c) = max over the window's positions inside x; winner = ky * kernel_w + kx of the first maximum
// max_pool_backward_f32, _bf16:   dx(n, iy, ix, c) = sum of dy(n, oy, ox, c) over the windows that chose (iy, ix), in window order
//
// NaN       a NaN wins over any number, and the last of several.
// Layout    channels-last float32 or bfloat16, winner one byte an output (null: not wanted). A unit is one element, or 128 bits in the f32x4 and
//           bf16x8 kernels, which need channels and addresses to be multiples of that; `channels` counts units.
// Grid      rows x units of a row, see dk/rows.cuh: output rows forward, input rows backward (a gather, so no atomics).
// Bytes     in float32 forward 4 an input, 5 an output; backward 5 an output read, 4 an input written; in bfloat16 2 and 3. 2 x 2 with stride 2 on
//           8 x 64 x 132 x 132: 46 MB each way, 25 MB in bfloat16. Bound by memory; overlapping windows read from the caches.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/rows.cuh"

namespace {

struct Pool {
    int batch, channels, in_height, in_width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

template <int Width>
struct Choice {
    unsigned char at[Width];
};

template <int Width>
__device__ __forceinline__ Choice<Width> load_choice(const unsigned char* winner)
{
    Choice<Width> choice;
    if constexpr (Width == 1) {
        choice.at[0] = *winner;
    } else {
#pragma unroll
        for (int k = 0; k < Width; k += 4) {
            uchar4 v = *reinterpret_cast<const uchar4*>(winner + k);
            choice.at[k] = v.x;
            choice.at[k + 1] = v.y;
            choice.at[k + 2] = v.z;
            choice.at[k + 3] = v.w;
        }
    }

    return choice;
}

template <int Width>
__device__ __forceinline__ void store_choice(unsigned char* winner, const Choice<Width>& choice)
{
    if constexpr (Width == 1) {
        *winner = choice.at[0];
    } else {
#pragma unroll
        for (int k = 0; k < Width; k += 4) {
            *reinterpret_cast<uchar4*>(winner + k) = make_uchar4(choice.at[k], choice.at[k + 1], choice.at[k + 2], choice.at[k + 3]);
        }
    }
}

template <int Width, class T>
__device__ __forceinline__ void pool_forward(const Pool& g, const T* x, T* y, unsigned char* winner)
{
    dk::for_each_in_rows(g.batch * g.out_height, g.out_width * g.channels, [=](int row, int unit) {
        int n = row / g.out_height, ox = unit / g.channels, c = unit - ox * g.channels;
        int top = (row - n * g.out_height) * g.stride_h - g.pad_h, left = ox * g.stride_w - g.pad_w;
        int first_y = max(0, -top), end_y = min(g.kernel_h, g.in_height - top);
        int first_x = max(0, -left), end_x = min(g.kernel_w, g.in_width - left);

        dk::Floats<Width> best = {};
        Choice<Width> choice = {};
        bool started = false;
        for (int ky = first_y; ky < end_y; ky++) {
            for (int kx = first_x; kx < end_x; kx++) {
                long long source = ((static_cast<long long>(n) * g.in_height + top + ky) * g.in_width + left + kx) * g.channels + c;
                dk::Floats<Width> value = dk::load_floats<Width>(x + Width * source);
#pragma unroll
                for (int k = 0; k < Width; k++) {
                    if (!started || value.at[k] > best.at[k] || value.at[k] != value.at[k]) {
                        best.at[k] = value.at[k];
                        choice.at[k] = static_cast<unsigned char>(ky * g.kernel_w + kx);
                    }
                }

                started = true;
            }
        }

        long long target = Width * (static_cast<long long>(row) * g.out_width * g.channels + unit);
        dk::store_floats<Width>(y + target, best);
        if (winner != nullptr) {
            store_choice<Width>(winner + target, choice);
        }
    });
}

template <int Width, class T>
__device__ __forceinline__ void pool_backward(const Pool& g, const T* dy, const unsigned char* winner, T* dx)
{
    dk::for_each_in_rows(g.batch * g.in_height, g.in_width * g.channels, [=](int row, int unit) {
        int n = row / g.in_height, ix = unit / g.channels, c = unit - ix * g.channels;
        int py = row - n * g.in_height + g.pad_h, px = ix + g.pad_w;
        // The windows over a position start at most kernel - 1 before it.
        int first_y = max(0, (py - g.kernel_h + g.stride_h) / g.stride_h), last_y = min(g.out_height - 1, py / g.stride_h);
        int first_x = max(0, (px - g.kernel_w + g.stride_w) / g.stride_w), last_x = min(g.out_width - 1, px / g.stride_w);

        dk::Floats<Width> sum = {};
        for (int oy = first_y; oy <= last_y; oy++) {
            for (int ox = first_x; ox <= last_x; ox++) {
                long long source = Width * (((static_cast<long long>(n) * g.out_height + oy) * g.out_width + ox) * g.channels + c);
                int position = (py - oy * g.stride_h) * g.kernel_w + px - ox * g.stride_w;
                dk::Floats<Width> d = dk::load_floats<Width>(dy + source);
                Choice<Width> choice = load_choice<Width>(winner + source);
#pragma unroll
                for (int k = 0; k < Width; k++) {
                    sum.at[k] += choice.at[k] == position ? d.at[k] : 0.0f;
                }
            }
        }

        dk::store_floats<Width>(dx + Width * (static_cast<long long>(row) * g.in_width * g.channels + unit), sum);
    });
}

}  // namespace

// 64 registers a thread: left alone, the compiler spills to stay below.
#define DK_MAX_POOL_FORWARD(name, T, Width) \
    extern "C" __global__ void __launch_bounds__(256, 4) name(Pool pool, const T* x, T* y, unsigned char* winner) { pool_forward<Width>(pool, x, y, winner); } \
    DK_KERNEL(name)

#define DK_MAX_POOL_BACKWARD(name, T, Width) \
    extern "C" __global__ void __launch_bounds__(256, 4) name(Pool pool, const T* dy, const unsigned char* winner, T* dx) { pool_backward<Width>(pool, dy, winner, dx); } \
    DK_KERNEL(name)

DK_MAX_POOL_FORWARD(max_pool_forward_f32, float, 1);
DK_MAX_POOL_FORWARD(max_pool_forward_f32x4, float, 4);
DK_MAX_POOL_FORWARD(max_pool_forward_bf16, dk::bf16, 1);
DK_MAX_POOL_FORWARD(max_pool_forward_bf16x8, dk::bf16, 8);
DK_MAX_POOL_BACKWARD(max_pool_backward_f32, float, 1);
DK_MAX_POOL_BACKWARD(max_pool_backward_f32x4, float, 4);
DK_MAX_POOL_BACKWARD(max_pool_backward_bf16, dk::bf16, 1);
DK_MAX_POOL_BACKWARD(max_pool_backward_bf16x8, dk::bf16, 8);
