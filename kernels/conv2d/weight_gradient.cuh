// The weight gradient as an implicit matrix product: rows are output channels, columns are taps x input channels, and the reduction runs over the
// positions of a slice. T is the type of x and dy; the sums are float32.
#pragma once

#include "../pointwise/vectorized.cuh"
#include "geometry.cuh"
#include "tile.cuh"

namespace dk {

// dy(p, k), contiguous across the tile.
template <class Tile, class T, int Width>
struct OutputGradient {
    using Share = AcrossReduction<Tile, Tile::Rows, Tile::RowPitch, Width>;

    const T* dy;
    int channel;
    int position;
    int end;
    Packed<T, Width> values[Share::Passes];

    __device__ __forceinline__ OutputGradient(const T* dy, int first_channel, int begin, int end)
        : dy(dy), channel(first_channel + Share::place()), position(begin + Share::depth(0)), end(end)
    {
    }

    __device__ __forceinline__ void fetch(const ConvGather& g)
    {
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
            values[pass] = {};
            if (position < end && channel < g.result_channels && Share::takes_part(pass)) {
                values[pass] = load_packed<Width>(dy + static_cast<long long>(position) * g.result_channels + channel);
            }

            position += pass + 1 < Share::Passes ? Share::LinesPerPass : Share::LastAdvance;
        }
    }
};

// x at the position that (tap, c) reads of p. A thread keeps its tap and channels and walks over the positions.
template <class Tile, class T, int Width>
struct GatheredInput {
    using Share = AcrossReduction<Tile, Tile::Columns, Tile::ColumnPitch, Width>;

    const T* x;
    int down, right, channel;
    bool inside;
    int position;
    int end;
    PositionWalk at;
    Packed<T, Width> values[Share::Passes];

    __device__ __forceinline__ GatheredInput(const ConvGather& g, const T* x, int first_column, int begin, int end)
        : x(x), position(begin + Share::depth(0)), end(end), at(g, position)
    {
        int column = first_column + Share::place(), tap = column / g.source_channels;
        channel = column - tap * g.source_channels;
        inside = tap < g.kernel_taps;
        down = inside ? g.rows.shift + tap / g.kernel_columns * g.rows.step : 0;
        right = inside ? g.columns.shift + tap % g.kernel_columns * g.columns.step : 0;
    }

    __device__ __forceinline__ void fetch(const ConvGather& g)
    {
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
            values[pass] = {};
            int row = at.row * g.rows.scale + down, column = at.column * g.columns.scale + right;
            if (inside && position < end && Share::takes_part(pass) && static_cast<unsigned>(row) < static_cast<unsigned>(g.rows.source)
                && static_cast<unsigned>(column) < static_cast<unsigned>(g.columns.source)) {
                int pixel = (at.image * g.rows.source + row) * g.columns.source + column;
                values[pass] = load_packed<Width>(x + static_cast<long long>(pixel) * g.source_channels + channel);
            }

            int by = pass + 1 < Share::Passes ? Share::LinesPerPass : Share::LastAdvance;
            position += by;
            at.advance(g, by);
        }
    }
};

template <class Tile, class T, int RowWidth, int ColumnWidth>
struct WeightGradientOperands {
    const ConvGather& g;
    OutputGradient<Tile, T, RowWidth> a;
    GatheredInput<Tile, T, ColumnWidth> b;

    __device__ __forceinline__ void fetch()
    {
        a.fetch(g);
        b.fetch(g);
    }

    __device__ __forceinline__ void put(float* rows, float* columns)
    {
        OutputGradient<Tile, T, RowWidth>::Share::template put<float>(rows, a.values);
        GatheredInput<Tile, T, ColumnWidth>::Share::template put<float>(columns, b.values);
    }
};

template <class Tile, int RowWidth, int ColumnWidth, class T>
__device__ __forceinline__ void weight_gradient_tile(
    const ConvGather& g, const T* x, const T* dy, float* partial, int slice_positions, float* shared)
{
    int columns = g.kernel_taps * g.source_channels;
    int across = (columns + Tile::Columns - 1) / Tile::Columns;
    int first_row = static_cast<int>(blockIdx.x) / across * Tile::Rows;
    int first_column = static_cast<int>(blockIdx.x) % across * Tile::Columns;
    int count = positions(g), begin = static_cast<int>(blockIdx.y) * slice_positions;
    int end = count - begin < slice_positions ? count : begin + slice_positions;

    float sum[Tile::ThreadRows][Tile::ThreadColumns] = {};
    WeightGradientOperands<Tile, T, RowWidth, ColumnWidth> operands{g, {dy, first_row, begin, end}, {g, x, first_column, begin, end}};
    reduce<Tile>(operands, (end - begin + Tile::Depth - 1) / Tile::Depth, shared, sum);

    float* target = partial + static_cast<long long>(blockIdx.y) * g.result_channels * columns;
    bool quads = columns % 4 == 0 && aligned_to_16(partial);
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

// Output channels x (taps x input channels).
using WeightTile128 = ConvTile<128, 128, 8, 8>;
using WeightTile64 = ConvTile<64, 128, 8, 8>;
using WeightTile32 = ConvTile<32, 128, 4, 8>;
using WeightTileFew = ConvTile<64, 32, 8, 4>;

}  // namespace dk

#define DK_CONV2D_WGRAD(name, tile, T, row_width, column_width) \
    extern "C" __global__ void __launch_bounds__(tile::Threads, tile::BlocksPerMultiprocessor) name( \
        const T* __restrict__ x, const T* __restrict__ dy, float* __restrict__ partial, int slice_positions, dk::ConvGather g) \
    { \
        DK_SHARED(float, shared, tile::SharedFloats); \
        dk::weight_gradient_tile<tile, row_width, column_width>(g, x, dy, partial, slice_positions, shared); \
    } \
    DK_KERNEL(name)
