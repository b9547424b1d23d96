// conv2d_pad_{f32,bf16,f32_bf16}: y(p, c) = x(p, c), and 0 for c = C up to the next multiple of a granule
// conv2d_turn_{f32,f32_bf16}:     packed(c, t, k) = w(k, t, c), and 0 for k = K up to the next multiple of a granule
// conv2d_split{2,3}_f32:          y(p, part, c), part = 0, 1 (, 2): bfloat16 whose sum is x(p, c), each what rounding left of it so far; 0 for c = C up to the next multiple of 16
// conv2d_turn_split3_f32:         packed(c, t, part, k), so the parts of w(k, t, c)
//
// What the tensor-core kernels read (mma_gather.cuh): granules of 16 bytes, 8 bfloat16 or 4 float32. Activations are padded where their channels are
// no whole granules. The weights are the float32 masters, here rounded to the type of the activations; the forward pass wants them padded, the data
// gradient with their channels turned round. f32_bf16 reads float32 and writes bfloat16. The parts of float32 are for Hopper's kernels alone (split_products.cuh); an infinite
// value has NaN among its parts.
// Layout    w is K x taps x C float32; x and y are rows (positions, or results x taps) x channels.
// Grid      pad: rows x padded channels, split: rows x eights of them, see dk/rows.cuh. turn: x over 32 of c, y over 32 of k, z over taps; block 32 x 8.
// Tiles     turn: 32 x 32 through shared memory, so that both sides are contiguous; 33 a line, so that columns meet no bank twice.
// Shared    4.1 KB in turn. Registers sm_80 / sm_90a: at most 16, 30 / 32 in split, 32 in turn.
// Bytes     512 to 512 channels, 3 x 3: 9.4 MB read, 4.7 MB (bfloat16) or 9.4 MB written. 8 x 66 x 66 x 21 padded to 24 bfloat16: 3.1 MB.
// Time      not measured yet.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/rows.cuh"
#include "../pointwise/vectorized.cuh"

namespace {

template <class From, class To>
__device__ __forceinline__ void pad_rows(const From* x, To* y, int rows, int channels, int padded)
{
    dk::for_each_in_rows(rows, padded, [=](int row, int channel) {
        float value = channel < channels ? static_cast<float>(x[static_cast<long long>(row) * channels + channel]) : 0.0f;
        y[static_cast<long long>(row) * padded + channel] = To(value);
    });
}

// Parts of a channel are a row's width apart.
template <int Parts>
__device__ __forceinline__ void split_rows(const float* x, dk::bf16* y, int rows, int channels, int padded)
{
    bool quads = channels % 4 == 0 && dk::aligned_to_16(x);
    dk::for_each_in_rows(rows, padded / 8, [=](int row, int unit) {
        int first = 8 * unit;
        const float* from = x + static_cast<long long>(row) * channels + first;
        dk::Floats<8> rest;
#pragma unroll
        for (int k = 0; k < 8; k += 4) {
            dk::Floats<4> four{};
            if (quads && first + k < channels) {
                four = dk::load_floats<4>(from + k);
            } else {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    four.at[i] = first + k + i < channels ? from[k + i] : 0.0f;
                }
            }

#pragma unroll
            for (int i = 0; i < 4; i++) {
                rest.at[k + i] = four.at[i];
            }
        }

        dk::bf16* to = y + static_cast<long long>(row) * Parts * padded + first;
#pragma unroll
        for (int part = 0; part < Parts; part++) {
            dk::store_floats<8>(to + part * padded, rest);
#pragma unroll
            for (int k = 0; k < 8; k++) {
                rest.at[k] -= dk::round_to<dk::bf16>(rest.at[k]);
            }
        }
    });
}

// store(value, row, result) gets the weights of a row, which is a channel and a tap.
template <class Store>
__device__ __forceinline__ void turn(const float* weight, int results, int taps, int channels, int padded, float (&tile)[32][33], Store store)
{
    int tap = static_cast<int>(blockIdx.z), across = static_cast<int>(threadIdx.x);
    int first_channel = static_cast<int>(blockIdx.x) * 32, first_result = static_cast<int>(blockIdx.y) * 32;
    for (int line = static_cast<int>(threadIdx.y); line < 32; line += 8) {
        int result = first_result + line, channel = first_channel + across;
        bool inside = result < results && channel < channels;
        tile[line][across] = inside ? weight[(static_cast<long long>(result) * taps + tap) * channels + channel] : 0.0f;
    }

    __syncthreads();
    for (int line = static_cast<int>(threadIdx.y); line < 32; line += 8) {
        int channel = first_channel + line, result = first_result + across;
        if (channel < channels && result < padded) {
            store(tile[across][line], static_cast<long long>(channel) * taps + tap, result);
        }
    }
}

}  // namespace

#define DK_CONV2D_PAD(name, from, to)                                                                                                           \
    extern "C" __global__ void __launch_bounds__(256) name(const from* __restrict__ x, to* __restrict__ y, int rows, int channels, int padded)  \
    {                                                                                                                                           \
        pad_rows(x, y, rows, channels, padded);                                                                                                 \
    }                                                                                                                                           \
    DK_KERNEL(name)

#define DK_CONV2D_TURN(name, to)                                                                                                                \
    extern "C" __global__ void __launch_bounds__(256) name(                                                                                     \
        const float* __restrict__ weight, to* __restrict__ packed, int results, int taps, int channels, int padded)                             \
    {                                                                                                                                           \
        DK_SHARED(float, tile, 32, 33);                                                                                                         \
        turn(weight, results, taps, channels, padded, tile, [=](float value, long long row, int result) { packed[row * padded + result] = to(value); }); \
    }                                                                                                                                           \
    DK_KERNEL(name)

#define DK_CONV2D_SPLIT(name, parts)                                                                                                            \
    extern "C" __global__ void __launch_bounds__(256) name(const float* __restrict__ x, dk::bf16* __restrict__ y, int rows, int channels, int padded) \
    {                                                                                                                                           \
        split_rows<parts>(x, y, rows, channels, padded);                                                                                        \
    }                                                                                                                                           \
    DK_KERNEL(name)

DK_CONV2D_PAD(conv2d_pad_f32, float, float);
DK_CONV2D_PAD(conv2d_pad_bf16, __nv_bfloat16, __nv_bfloat16);
DK_CONV2D_PAD(conv2d_pad_f32_bf16, float, __nv_bfloat16);
DK_CONV2D_TURN(conv2d_turn_f32, float);
DK_CONV2D_TURN(conv2d_turn_f32_bf16, __nv_bfloat16);

DK_CONV2D_SPLIT(conv2d_split2_f32, 2);
DK_CONV2D_SPLIT(conv2d_split3_f32, 3);

extern "C" __global__ void __launch_bounds__(256) conv2d_turn_split3_f32(
    const float* __restrict__ weight, dk::bf16* __restrict__ packed, int results, int taps, int channels, int padded)
{
    DK_SHARED(float, tile, 32, 33);
    turn(weight, results, taps, channels, padded, tile, [=](float value, long long row, int result) {
#pragma unroll
        for (int part = 0; part < 3; part++) {
            dk::bf16 rounded(value);
            packed[(row * 3 + part) * padded + result] = rounded;
            value -= static_cast<float>(rounded);
        }
    });
}
DK_KERNEL(conv2d_turn_split3_f32);
