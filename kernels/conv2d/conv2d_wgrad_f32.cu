// conv2d_wgrad_f32:          partial(slice, k, ky, kx, c) = sum over the slice's positions (n, p, q) of
//                                dy(n, p, q, k) * x(n, p * s - pad + ky * d, q * s - pad + kx * d, c)
// conv2d_wgrad_finish_f32:   dw(i) = sum over slices, in order, of partial(slice, i)
//
// The bits depend on the number of slices alone, and that on the shape (Conv2dWeightPlan.cs). With one slice, partial is dw.
// Layout    channels-last float32: x is N x H x W x C, dy is N x P x Q x K, dw and each slice of partial K x kh x kw x C.
// Product   rows are the K channels, columns taps x C, the reduction runs over positions. Both operands are contiguous across the tile.
// Tiles     128 x 128 and 64 x 128 with 8 x 8 sums a thread, 32 x 128 (4 x 8) for few K, 64 x 32 (8 x 4) for few C, 8 positions at a time.
//           _k4 loads four channels of dy at once (K a multiple of 4), _c4 four of x; _k1, _c1 one.
// Grid      tiles x slices; block 256, 128, 128 or 64 threads. The second kernel: any grid, as pointwise kernels.
// Shared    16.5, 12.5, 10.5 and 6.5 KB. Registers sm_80 / sm_90a in the order of the tiles: _c4 and _k4c1 128 / 128, 144 / 161, 96 / 99, 99 / 111;
//           _k1c1 128 / 128, 144 / 145, 96 / 103, 99 / 111. No spills.
// Work      at 8 x 66 x 66, 64 to 64 channels, 3 x 3: 2.57 GFLOP; 17.8 MB read and 2 x 15 MB of partial sums in 104 slices.
// Time      not measured yet.
#include "../pointwise/vectorized.cuh"
#include "geometry.cuh"
#include "tile.cuh"

namespace {

// dy(p, k), contiguous across the tile.
template <class Tile, int Width>
struct OutputGradient {
    using Share = dk::AcrossReduction<Tile, Tile::Rows, Tile::RowPitch, Width>;

    const float* dy;
    int channel;
    int position;
    int end;
    float values[Share::Passes][Width];

    __device__ __forceinline__ OutputGradient(const float* dy, int first_channel, int begin, int end)
        : dy(dy), channel(first_channel + Share::place()), position(begin + Share::depth(0)), end(end)
    {
    }

    __device__ __forceinline__ void fetch(const dk::ConvGather& g)
    {
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
#pragma unroll
            for (int i = 0; i < Width; i++) {
                values[pass][i] = 0.0f;
            }

            if (position < end && channel < g.result_channels && Share::takes_part(pass)) {
                dk::load(dy + static_cast<long long>(position) * g.result_channels + channel, values[pass]);
            }

            position += pass + 1 < Share::Passes ? Share::LinesPerPass : Share::LastAdvance;
        }
    }
};

// x at the position that (tap, c) reads of p. A thread keeps its tap and channels and walks over the positions.
template <class Tile, int Width>
struct GatheredInput {
    using Share = dk::AcrossReduction<Tile, Tile::Columns, Tile::ColumnPitch, Width>;

    const float* x;
    int down, right, channel;
    bool inside;
    int position;
    int end;
    dk::PositionWalk at;
    float values[Share::Passes][Width];

    __device__ __forceinline__ GatheredInput(const dk::ConvGather& g, const float* x, int first_column, int begin, int end)
        : x(x), position(begin + Share::depth(0)), end(end), at(g, position)
    {
        int column = first_column + Share::place(), tap = column / g.source_channels;
        channel = column - tap * g.source_channels;
        inside = tap < g.kernel_taps;
        down = inside ? g.rows.shift + tap / g.kernel_columns * g.rows.step : 0;
        right = inside ? g.columns.shift + tap % g.kernel_columns * g.columns.step : 0;
    }

    __device__ __forceinline__ void fetch(const dk::ConvGather& g)
    {
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
#pragma unroll
            for (int i = 0; i < Width; i++) {
                values[pass][i] = 0.0f;
            }

            int row = at.row * g.rows.scale + down, column = at.column * g.columns.scale + right;
            if (inside && position < end && Share::takes_part(pass) && static_cast<unsigned>(row) < static_cast<unsigned>(g.rows.source)
                && static_cast<unsigned>(column) < static_cast<unsigned>(g.columns.source)) {
                int pixel = (at.image * g.rows.source + row) * g.columns.source + column;
                dk::load(x + static_cast<long long>(pixel) * g.source_channels + channel, values[pass]);
            }

            int by = pass + 1 < Share::Passes ? Share::LinesPerPass : Share::LastAdvance;
            position += by;
            at.advance(g, by);
        }
    }
};

template <class Tile, int RowWidth, int ColumnWidth>
struct WeightGradientOperands {
    const dk::ConvGather& g;
    OutputGradient<Tile, RowWidth> a;
    GatheredInput<Tile, ColumnWidth> b;

    __device__ __forceinline__ void fetch()
    {
        a.fetch(g);
        b.fetch(g);
    }

    __device__ __forceinline__ void put(float* rows, float* columns)
    {
        OutputGradient<Tile, RowWidth>::Share::put(rows, a.values);
        GatheredInput<Tile, ColumnWidth>::Share::put(columns, b.values);
    }
};

template <class Tile, int RowWidth, int ColumnWidth>
__device__ __forceinline__ void weight_gradient_tile(
    const dk::ConvGather& g, const float* x, const float* dy, float* partial, int slice_positions, float* shared)
{
    int columns = g.kernel_taps * g.source_channels;
    int across = (columns + Tile::Columns - 1) / Tile::Columns;
    int first_row = static_cast<int>(blockIdx.x) / across * Tile::Rows;
    int first_column = static_cast<int>(blockIdx.x) % across * Tile::Columns;
    int count = dk::positions(g), begin = static_cast<int>(blockIdx.y) * slice_positions;
    int end = count - begin < slice_positions ? count : begin + slice_positions;

    float sum[Tile::ThreadRows][Tile::ThreadColumns] = {};
    WeightGradientOperands<Tile, RowWidth, ColumnWidth> operands{g, {dy, first_row, begin, end}, {g, x, first_column, begin, end}};
    dk::reduce<Tile>(operands, (end - begin + Tile::Depth - 1) / Tile::Depth, shared, sum);

    float* target = partial + static_cast<long long>(blockIdx.y) * g.result_channels * columns;
    bool quads = columns % 4 == 0 && dk::aligned_to_16(partial);
#pragma unroll
    for (int i = 0; i < Tile::ThreadRows; i++) {
        int row = first_row + Tile::row(i);
        if (row >= g.result_channels) {
            continue;
        }

#pragma unroll
        for (int j = 0; j < Tile::ThreadColumns; j += 4) {
            int column = first_column + Tile::column(j);
            float* place = target + static_cast<long long>(row) * columns + column;
            if (quads && column < columns) {
                *reinterpret_cast<float4*>(place) = make_float4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]);
            } else {
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    if (column + k < columns) {
                        place[k] = sum[i][j + k];
                    }
                }
            }
        }
    }
}

using Tile128 = dk::ConvTile<128, 128, 8, 8>;
using Tile64 = dk::ConvTile<64, 128, 8, 8>;
using Tile32 = dk::ConvTile<32, 128, 4, 8>;
using TileFew = dk::ConvTile<64, 32, 8, 4>;

}  // namespace

#define DK_CONV2D_WGRAD(name, tile, row_width, column_width) \
    extern "C" __global__ void __launch_bounds__(tile::Threads, tile::BlocksPerMultiprocessor) name( \
        const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ partial, int slice_positions, dk::ConvGather g) \
    { \
        DK_SHARED(float, shared, tile::SharedFloats); \
        weight_gradient_tile<tile, row_width, column_width>(g, x, dy, partial, slice_positions, shared); \
    } \
    DK_KERNEL(name)

DK_CONV2D_WGRAD(conv2d_wgrad_f32_128x128_k4c4, Tile128, 4, 4);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x128_k4c4, Tile64, 4, 4);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_32x128_k1c4, Tile32, 1, 4);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x32_k4c1, TileFew, 4, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_128x128_k1c1, Tile128, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x128_k1c1, Tile64, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_32x128_k1c1, Tile32, 1, 1);
DK_CONV2D_WGRAD(conv2d_wgrad_f32_64x32_k1c1, TileFew, 1, 1);

extern "C" __global__ void __launch_bounds__(256) conv2d_wgrad_finish_f32(const float* __restrict__ partial, float* __restrict__ dw, int slices, long long count)
{
    dk::for_each_element(count, count % 4 == 0 && dk::aligned_to_16(partial, dw), [=](auto i) {
        auto sum = dk::load(partial, i);
        for (int s = 1; s < slices; s++) {
            sum = dk::zip(sum, dk::load(partial + s * count, i), [](float a, float b) { return a + b; });
        }

        dk::store(dw, i, sum);
    });
}
DK_KERNEL(conv2d_wgrad_finish_f32);
