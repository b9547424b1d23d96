// The weight gradient on tensor cores: rows are result channels, columns are taps x source channels in granules of 16 bytes, and the reduction
// runs over a slice of the positions. Both operands are contiguous across the tile, one line a position.
//
//   x, dy     channels-last, their pixels padded with zero channels to whole granules
//   partial   [slice][result channel][kernel tap][source channel], with the true numbers of channels
#pragma once

#include "../pointwise/vectorized.cuh"
#include "../ptx/ldmatrix.cuh"
#include "../ptx/store.cuh"
#include "geometry.cuh"
#include "mma_tile.cuh"

namespace dk {

// How a warp takes its fragments out of lines of the reduction, and where the sums of a lane belong in the warp's part of the tile.
template <class Tile, class Element>
struct LineFragments;

// bfloat16: ldmatrix turns them round.
template <class Tile>
struct LineFragments<Tile, __nv_bfloat16> {
    template <class Lines>
    __device__ __forceinline__ static void load_rows(const unsigned char* lines, int k, unsigned (&rows)[Tile::M][4])
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int i = 0; i < Tile::M; i++) {
            ldmatrix_x4_trans(rows[i], lines + Lines::place(16 * k + lane / 16 * 8 + lane % 8, Tile::first_row() / 8 + 2 * i + lane / 8 % 2));
        }
    }

    template <class Lines>
    __device__ __forceinline__ static void load_columns(const unsigned char* lines, int k, unsigned (&columns)[Tile::N][2])
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int j = 0; j < Tile::N; j += 2) {
            unsigned two[4];
            ldmatrix_x4_trans(two, lines + Lines::place(16 * k + lane % 16, Tile::first_column() / 8 + j + lane / 16));
            columns[j][0] = two[0];
            columns[j][1] = two[1];
            columns[j + 1][0] = two[2];
            columns[j + 1][1] = two[3];
        }
    }

    // Calls put(row, column, four sums of neighbouring columns) for everything that the lane has.
    template <class Put>
    __device__ __forceinline__ static void for_each_four(const float (&sum)[Tile::M][Tile::N][4], Put put)
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int i = 0; i < Tile::M; i++) {
#pragma unroll
            for (int j = 0; j < Tile::N; j++) {
                put(16 * i + lane / 4 + 8 * (lane % 2), 8 * j + lane / 2 % 2 * 4, four_columns(sum[i][j]));
            }
        }
    }
};

// float32, which ldmatrix cannot turn round: which column of a line is which row or column of a product is free, so the four elements of
// a granule go to products of their own.
//
//   rows      element e of granule q is row q of product e, or row q % 8 + 8 * (e / 2) of product e % 2 where a warp has 32 rows
//   columns   element e of granule q is column q of product e
template <class Tile>
struct LineFragments<Tile, float> {
    static_assert((Tile::M == 4 || Tile::M == 2) && Tile::N == 4, "four elements of a granule");

    template <class Lines>
    __device__ __forceinline__ static uint4 load_granule(const unsigned char* lines, int line, int granule)
    {
        return *reinterpret_cast<const uint4*>(lines + Lines::place(line, granule));
    }

    template <class Lines>
    __device__ __forceinline__ static void load_rows(const unsigned char* lines, int k, unsigned (&rows)[Tile::M][4])
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int line = 8 * k + lane % 4 + 4 * half;
            uint4 upper = load_granule<Lines>(lines, line, Tile::first_row() / 4 + lane / 4);
            if constexpr (Tile::M == 4) {
                uint4 lower = load_granule<Lines>(lines, line, Tile::first_row() / 4 + lane / 4 + 8);
                rows[0][2 * half] = upper.x;
                rows[1][2 * half] = upper.y;
                rows[2][2 * half] = upper.z;
                rows[3][2 * half] = upper.w;
                rows[0][2 * half + 1] = lower.x;
                rows[1][2 * half + 1] = lower.y;
                rows[2][2 * half + 1] = lower.z;
                rows[3][2 * half + 1] = lower.w;
            } else {
                rows[0][2 * half] = upper.x;
                rows[1][2 * half] = upper.y;
                rows[0][2 * half + 1] = upper.z;
                rows[1][2 * half + 1] = upper.w;
            }
        }
    }

    template <class Lines>
    __device__ __forceinline__ static void load_columns(const unsigned char* lines, int k, unsigned (&columns)[Tile::N][2])
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            uint4 four = load_granule<Lines>(lines, 8 * k + lane % 4 + 4 * half, Tile::first_column() / 4 + lane / 4);
            columns[0][half] = four.x;
            columns[1][half] = four.y;
            columns[2][half] = four.z;
            columns[3][half] = four.w;
        }
    }

    template <class Put>
    __device__ __forceinline__ static void for_each_four(const float (&sum)[Tile::M][Tile::N][4], Put put)
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int i = 0; i < Tile::M; i++) {
#pragma unroll
            for (int r = 0; r < 4; r++) {
                int row = Tile::M == 4 ? 4 * mma_c_row(lane, r) + i : 4 * (lane / 4) + i + 2 * (r / 2);
                put(row, 4 * mma_c_column(lane, r), make_float4(sum[i][0][r], sum[i][1][r], sum[i][2][r], sum[i][3][r]));
            }
        }
    }
};

// A thread copies one granule of a few lines of each operand: always the same channels, and of x always the same tap.
template <class Tile, class Product>
struct WeightGradientOperands {
    using Element = typename Product::Element;
    static constexpr int PerGranule = 16 / sizeof(Element), Depth = Tile::StepBytes / sizeof(Element);
    using Fragments = LineFragments<Tile, Element>;
    using RowLines = SwizzledRows<Tile::Rows / PerGranule>;
    using ColumnLines = SwizzledRows<Tile::Columns / PerGranule>;

    static constexpr int RowLinesPerPass = Tile::Threads / RowLines::Granules, RowPasses = Depth / RowLinesPerPass;
    static constexpr int ColumnLinesPerPass = Tile::Threads / ColumnLines::Granules, ColumnPasses = Depth / ColumnLinesPerPass;

    const ConvGather& g;
    const uint4* dy;
    const uint4* x;
    int row_granules, column_granules;
    int position, end;
    // Modulo 2^32, for a column behind the last tap may lie anywhere.
    unsigned down, right;
    PositionWalk at;
    bool row_inside, column_inside;

    __device__ __forceinline__ WeightGradientOperands(const ConvGather& g, const Element* x, const Element* dy, int first_row, int first_column, int begin, int end)
        : g(g), dy(reinterpret_cast<const uint4*>(dy)), x(reinterpret_cast<const uint4*>(x)), row_granules((g.result_channels + PerGranule - 1) / PerGranule),
          column_granules((g.source_channels + PerGranule - 1) / PerGranule), position(begin), end(end), at(g, begin + column_line())
    {
        int row = first_row / PerGranule + row_granule(), column = first_column / PerGranule + column_granule();
        int tap = column / column_granules;
        row_inside = row < row_granules;
        column_inside = tap < g.kernel_taps;
        this->dy += static_cast<long long>(begin + row_line()) * row_granules + row;
        this->x += column - tap * column_granules;
        down = static_cast<unsigned>(g.rows.shift) + static_cast<unsigned>(tap / g.kernel_columns) * static_cast<unsigned>(g.rows.step);
        right = static_cast<unsigned>(g.columns.shift) + static_cast<unsigned>(tap % g.kernel_columns) * static_cast<unsigned>(g.columns.step);
    }

    __device__ __forceinline__ static int row_granule() { return static_cast<int>(threadIdx.x) % RowLines::Granules; }
    __device__ __forceinline__ static int row_line() { return static_cast<int>(threadIdx.x) / RowLines::Granules; }
    __device__ __forceinline__ static int column_granule() { return static_cast<int>(threadIdx.x) % ColumnLines::Granules; }
    __device__ __forceinline__ static int column_line() { return static_cast<int>(threadIdx.x) / ColumnLines::Granules; }

    __device__ __forceinline__ void copy(unsigned char* a, unsigned char* b)
    {
#pragma unroll
        for (int pass = 0; pass < RowPasses; pass++) {
            bool inside = row_inside && position + row_line() + pass * RowLinesPerPass < end;
            cp_async_16(a + RowLines::place(row_line() + pass * RowLinesPerPass, row_granule()), inside ? dy : x, inside);
            dy += RowLinesPerPass * row_granules;
        }

#pragma unroll
        for (int pass = 0; pass < ColumnPasses; pass++) {
            unsigned row = static_cast<unsigned>(at.row * g.rows.scale) + down, column = static_cast<unsigned>(at.column * g.columns.scale) + right;
            bool inside = column_inside && position + column_line() + pass * ColumnLinesPerPass < end
                && row < static_cast<unsigned>(g.rows.source) && column < static_cast<unsigned>(g.columns.source);
            unsigned pixel = (static_cast<unsigned>(at.image) * g.rows.source + row) * g.columns.source + column;
            const uint4* from = x + static_cast<unsigned long long>(pixel) * static_cast<unsigned>(column_granules);
            cp_async_16(b + ColumnLines::place(column_line() + pass * ColumnLinesPerPass, column_granule()), inside ? from : x, inside);
            at.advance(g, ColumnLinesPerPass);
        }

        position += Depth;
    }

    __device__ __forceinline__ void multiply(const unsigned char* a, const unsigned char* b, float (&sum)[Tile::M][Tile::N][4]) const
    {
#pragma unroll
        for (int k = 0; k < 2; k++) {
            unsigned loaded[Tile::N][2], rows[Tile::M][4];
            Fragments::template load_columns<ColumnLines>(b, k, loaded);
            Fragments::template load_rows<RowLines>(a, k, rows);
            typename Product::template Columns<Tile::N> columns(loaded);
#pragma unroll
            for (int i = 0; i < Tile::M; i++) {
                columns.add_product(rows[i], sum[i]);
            }
        }
    }
};

// The columns of a tile are padded channels; what is written is not.
template <class Tile, class Fragments>
__device__ __forceinline__ void store_weight_sums(const ConvGather& g, const float (&sum)[Tile::M][Tile::N][4], int first_row, int first_column, int padded_channels, float* target)
{
    bool quads = g.source_channels % 4 == 0 && aligned_to_16(target);
    Fragments::for_each_four(sum, [&](int row, int column, float4 v) {
        row += first_row + Tile::first_row();
        column += first_column + Tile::first_column();
        int tap = column / padded_channels, channel = column - tap * padded_channels;
        if (row >= g.result_channels || tap >= g.kernel_taps || channel >= g.source_channels) {
            return;
        }

        float* place = target + (static_cast<long long>(row) * g.kernel_taps + tap) * g.source_channels + channel;
        if (quads) {
            store_16(place, v);
            return;
        }

        const float values[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int k = 0; k < 4; k++) {
            if (channel + k < g.source_channels) {
                place[k] = values[k];
            }
        }
    });
}

// One block's tile of one slice: blockIdx.x counts tiles, blockIdx.y slices.
template <class Tile, class Product>
__device__ __forceinline__ void mma_wgrad_tile(const ConvGather& g, const typename Product::Element* x, const typename Product::Element* dy, float* partial,
    int slice_positions, unsigned char* ring)
{
    using Operands = WeightGradientOperands<Tile, Product>;
    int padded_channels = (g.source_channels + Operands::PerGranule - 1) / Operands::PerGranule * Operands::PerGranule;
    int across = (g.kernel_taps * padded_channels + Tile::Columns - 1) / Tile::Columns;
    int first_row = static_cast<int>(blockIdx.x) / across * Tile::Rows;
    int first_column = static_cast<int>(blockIdx.x) % across * Tile::Columns;
    int count = positions(g), begin = static_cast<int>(blockIdx.y) * slice_positions;
    int end = count - begin < slice_positions ? count : begin + slice_positions;

    float sum[Tile::M][Tile::N][4] = {};
    Operands operands(g, x, dy, first_row, first_column, begin, end);
    reduce<Tile>(operands, (end - begin + Operands::Depth - 1) / Operands::Depth, ring, sum);

    float* target = partial + static_cast<long long>(blockIdx.y) * g.result_channels * g.kernel_taps * g.source_channels;
    store_weight_sums<Tile, typename Operands::Fragments>(g, sum, first_row, first_column, padded_channels, target);
}

}  // namespace dk

#define DK_CONV2D_MMA_WGRAD(name, tile, product)                                                                                                \
    extern "C" __global__ void __launch_bounds__(tile::Threads, tile::BlocksPerMultiprocessor) name(const product::Element* __restrict__ x,     \
        const product::Element* __restrict__ dy, float* __restrict__ partial, int slice_positions, dk::ConvGather g)                            \
    {                                                                                                                                           \
        DK_SHARED(unsigned char, ring, tile::RingBytes);                                                                                        \
        dk::mma_wgrad_tile<tile, product>(g, x, dy, partial, slice_positions, ring);                                                            \
    }                                                                                                                                           \
    DK_KERNEL(name)
