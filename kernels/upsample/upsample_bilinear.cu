// upsample_bilinear_forward_f32, _bf16:    y(n, oy, ox, c) = sum over the two rows and two columns that (oy, ox) reads of v(oy, iy) h(ox, ix) x(n, iy, ix, c)
// upsample_bilinear_backward_f32, _bf16:   dx(n, iy, ix, c) = sum over the outputs that read (iy, ix) of v(oy, iy) h(ox, ix) dy(n, oy, ox, c)
//
// Weights   come in tables, one an axis, that the host computes exactly; every alignment is a table (axis.cuh).
// Layout    channels-last float32 or bfloat16; weights and sums are float32. A unit is one element, or 128 bits in the f32x4 and bf16x8 kernels,
//           which need channels and addresses to be multiples of that; `channels` counts units.
// Grid      rows x units of a row, see dk/rows.cuh: output rows forward, input rows backward. The backward pass is a gather: no atomics,
//           and sums in a fixed order, down a column of outputs first and then across.
// Bytes     an input and an output element each. 8 x 24, 66 x 66 to 528 x 528: 217 MB each way in float32, half in bfloat16, bound by memory.
//           Backward reads each gradient four times, three of them from the caches.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/rows.cuh"
#include "axis.cuh"

namespace {

template <int Width>
__device__ __forceinline__ dk::Floats<Width> blend(float a, const dk::Floats<Width>& x, float b, const dk::Floats<Width>& z)
{
    dk::Floats<Width> y;
#pragma unroll
    for (int k = 0; k < Width; k++) {
        y.at[k] = fmaf(a, x.at[k], b * z.at[k]);
    }

    return y;
}

template <int Width, class T>
__device__ __forceinline__ void upsample_forward(const T* x, T* y, int batch, int channels, const dk::Axis& rows, const dk::Axis& columns)
{
    dk::for_each_in_rows(batch * rows.out_extent, columns.out_extent * channels, [=](int row, int unit) {
        int n = row / rows.out_extent, oy = row - n * rows.out_extent, ox = unit / channels, c = unit - ox * channels;
        int top = __ldg(rows.first + oy), left = __ldg(columns.first + ox);
        long long across = static_cast<long long>(min(left + 1, columns.in_extent - 1) - left) * channels * Width;
        long long down = static_cast<long long>(min(top + 1, rows.in_extent - 1) - top) * columns.in_extent * channels * Width;
        const T* corner = x + Width * (((static_cast<long long>(n) * rows.in_extent + top) * columns.in_extent + left) * channels + c);

        float v0 = __ldg(rows.weight0 + oy), v1 = __ldg(rows.weight1 + oy);
        auto at_left = blend(v0, dk::load_floats<Width>(corner), v1, dk::load_floats<Width>(corner + down));
        auto at_right = blend(v0, dk::load_floats<Width>(corner + across), v1, dk::load_floats<Width>(corner + across + down));
        auto value = blend(__ldg(columns.weight0 + ox), at_left, __ldg(columns.weight1 + ox), at_right);
        dk::store_floats<Width>(y + Width * (static_cast<long long>(row) * columns.out_extent * channels + unit), value);
    });
}

template <int Width, class T>
__device__ __forceinline__ void upsample_backward(const T* dy, T* dx, int batch, int channels, const dk::Axis& rows, const dk::Axis& columns)
{
    dk::for_each_in_rows(batch * rows.in_extent, columns.in_extent * channels, [=](int row, int unit) {
        int n = row / rows.in_extent, iy = row - n * rows.in_extent, ix = unit / channels, c = unit - ix * channels;
        int begin = rows.readers_begin(iy), end = rows.readers_end(iy);
        long long out_row = static_cast<long long>(columns.out_extent) * channels * Width;
        const T* image = dy + n * rows.out_extent * out_row + Width * c;

        dk::Floats<Width> sum = {};
        for (int ox = columns.readers_begin(ix); ox < columns.readers_end(ix); ox++) {
            const T* column = image + static_cast<long long>(ox) * channels * Width;
            dk::Floats<Width> down = {};
            for (int oy = begin; oy < end; oy++) {
                float weight = rows.weight(oy, iy);
                dk::Floats<Width> d = dk::load_floats<Width>(column + oy * out_row);
#pragma unroll
                for (int k = 0; k < Width; k++) {
                    down.at[k] = fmaf(weight, d.at[k], down.at[k]);
                }
            }

            float weight = columns.weight(ox, ix);
#pragma unroll
            for (int k = 0; k < Width; k++) {
                sum.at[k] = fmaf(weight, down.at[k], sum.at[k]);
            }
        }

        dk::store_floats<Width>(dx + Width * (static_cast<long long>(row) * columns.in_extent * channels + unit), sum);
    });
}

}  // namespace

// 64 registers a thread: left alone, the compiler spills to stay below.
#define DK_UPSAMPLE(name, function, T, Width) \
    extern "C" __global__ void __launch_bounds__(256, 4) name(const T* from, T* to, int batch, int channels, dk::Axis rows, dk::Axis columns) \
    { \
        function<Width>(from, to, batch, channels, rows, columns); \
    } \
    DK_KERNEL(name)

DK_UPSAMPLE(upsample_bilinear_forward_f32, upsample_forward, float, 1);
DK_UPSAMPLE(upsample_bilinear_forward_f32x4, upsample_forward, float, 4);
DK_UPSAMPLE(upsample_bilinear_forward_bf16, upsample_forward, dk::bf16, 1);
DK_UPSAMPLE(upsample_bilinear_forward_bf16x8, upsample_forward, dk::bf16, 8);
DK_UPSAMPLE(upsample_bilinear_backward_f32, upsample_backward, float, 1);
DK_UPSAMPLE(upsample_bilinear_backward_f32x4, upsample_backward, float, 4);
DK_UPSAMPLE(upsample_bilinear_backward_bf16, upsample_backward, dk::bf16, 1);
DK_UPSAMPLE(upsample_bilinear_backward_bf16x8, upsample_backward, dk::bf16, 8);
