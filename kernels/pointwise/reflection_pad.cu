// reflection_pad_forward_f32, _bf16:    y(n, oy, ox, c) = x(n, r(oy - top), r(ox - left), c), where r reflects at the edges: d c b | a b c d | c b a
// reflection_pad_backward_f32, _bf16:   dx(n, iy, ix, c) = sum of dy(n, oy, ox, c) over the up to 3 x 3 outputs that show (iy, ix), in rising order
//
// Layout    channels-last float32 or bfloat16. A unit is one element, or 128 bits in the f32x4 and bf16x8 kernels, which need channels and addresses
//           to be multiples of that; `channels` counts units.
// Grid      rows x units of a row, see dk/rows.cuh: output rows forward, input rows backward (a gather, so no atomics).
// Bytes     an input and an output element each: 38 MB for 8 x 64, 66 x 66 to 72 x 72 in float32, half in bfloat16. Bound by memory.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/rows.cuh"

namespace {

struct Axis {
    int leading, trailing, extent;

    __device__ __forceinline__ int padded() const { return leading + extent + trailing; }

    __device__ __forceinline__ int source(int o) const
    {
        int i = o < leading ? leading - o : o - leading;
        return i < extent ? i : 2 * (extent - 1) - i;
    }

    // Image 0 is the reflection at the start, 1 the position itself, 2 the reflection at the end; -1 where there is none.
    __device__ __forceinline__ int image(int i, int which) const
    {
        if (which == 1) {
            return leading + i;
        }

        int distance = which == 0 ? i : extent - 1 - i;
        if (distance < 1 || distance > (which == 0 ? leading : trailing)) {
            return -1;
        }

        return which == 0 ? leading - i : leading + extent - 1 + distance;
    }
};

template <int Width, class T>
__device__ __forceinline__ void pad_forward(const T* x, T* y, int batch, int channels, Axis rows, Axis columns)
{
    int height = rows.padded();
    dk::for_each_in_rows(batch * height, columns.padded() * channels, [=](int row, int unit) {
        int n = row / height, ox = unit / channels, c = unit - ox * channels;
        int iy = rows.source(row - n * height), ix = columns.source(ox);
        long long source = ((static_cast<long long>(n) * rows.extent + iy) * columns.extent + ix) * channels + c;
        long long target = static_cast<long long>(row) * columns.padded() * channels + unit;
        dk::store_floats<Width>(y + Width * target, dk::load_floats<Width>(x + Width * source));
    });
}

template <int Width, class T>
__device__ __forceinline__ void pad_backward(const T* dy, T* dx, int batch, int channels, Axis rows, Axis columns)
{
    dk::for_each_in_rows(batch * rows.extent, columns.extent * channels, [=](int row, int unit) {
        int n = row / rows.extent, ix = unit / channels, c = unit - ix * channels;
        int iy = row - n * rows.extent;
        dk::Floats<Width> sum = {};
        for (int v = 0; v < 3; v++) {
            int oy = rows.image(iy, v);
            for (int h = 0; h < 3; h++) {
                int ox = columns.image(ix, h);
                if (oy < 0 || ox < 0) {
                    continue;
                }

                long long source = ((static_cast<long long>(n) * rows.padded() + oy) * columns.padded() + ox) * channels + c;
                dk::Floats<Width> d = dk::load_floats<Width>(dy + Width * source);
#pragma unroll
                for (int k = 0; k < Width; k++) {
                    sum.at[k] += d.at[k];
                }
            }
        }

        dk::store_floats<Width>(dx + Width * (static_cast<long long>(row) * columns.extent * channels + unit), sum);
    });
}

}  // namespace

#define DK_REFLECTION_PAD(name, function, T, Width) \
    extern "C" __global__ void __launch_bounds__(256) name(const T* from, T* to, int batch, int channels, Axis rows, Axis columns) \
    { \
        function<Width>(from, to, batch, channels, rows, columns); \
    } \
    DK_KERNEL(name)

DK_REFLECTION_PAD(reflection_pad_forward_f32, pad_forward, float, 1);
DK_REFLECTION_PAD(reflection_pad_forward_f32x4, pad_forward, float, 4);
DK_REFLECTION_PAD(reflection_pad_forward_bf16, pad_forward, dk::bf16, 1);
DK_REFLECTION_PAD(reflection_pad_forward_bf16x8, pad_forward, dk::bf16, 8);
DK_REFLECTION_PAD(reflection_pad_backward_f32, pad_backward, float, 1);
DK_REFLECTION_PAD(reflection_pad_backward_f32x4, pad_backward, float, 4);
DK_REFLECTION_PAD(reflection_pad_backward_bf16, pad_backward, dk::bf16, 1);
DK_REFLECTION_PAD(reflection_pad_backward_bf16x8, pad_backward, dk::bf16, 8);
