// Forward and data gradient on tensor cores: rows are positions, columns are result channels, and the reduction runs over taps and source
// channels, flattened in granules of 16 bytes (8 bfloat16, 4 float32), so that few channels waste little. No patch matrix is ever in memory.
//
//   source   channels-last, its pixels padded with zero channels to whole granules
//   weight   [result channel][kernel tap][source channel], padded likewise; the two passes differ in nothing else (conv2d_pack_sm80.cu)
//   result   channels-last with its true number of channels
#pragma once

#include "../pointwise/vectorized.cuh"
#include "../ptx/ldmatrix.cuh"
#include "gather_result.cuh"
#include "geometry.cuh"
#include "mma_tile.cuh"

namespace dk {

// How a block copies its steps: four neighbouring threads take the four granules of a row, each walking on its own over taps and channels.
template <class Tile, class Product>
struct GatherOperands {
    using Element = typename Product::Element;
    using Step = SwizzledRows<Tile::StepBytes / 16>;

    static constexpr int LinesPerPass = Tile::Threads / Step::Granules;
    static constexpr int SourcePasses = Tile::Rows / LinesPerPass, WeightPasses = Tile::Columns / LinesPerPass;

    static_assert(LinesPerPass % Step::Period == 0, "a thread's lines lie alike");

    // Far outside every map, whatever a tap adds: the host keeps all coordinates below 2^29.
    static constexpr int Nowhere = -(1 << 30);

    const ConvGather& g; // the whole pass: what is the same for every rectangle
    const uint4* source;
    const uint4* weight; // of the first tap
    long long weight_pass;
    int granules;
    int row_taps, column_taps;
    int tap_row, tap_column, granule;
    int channels_left;
    int row[SourcePasses];
    int column[SourcePasses];
    // Index of the source pixel of tap step 0, modulo 2^32: it may lie outside, but with the tap's offset it is right again.
    unsigned pixel[SourcePasses];

    __device__ __forceinline__ GatherOperands(
        const ConvGather& whole, const ConvGather& g, int granules, const Element* source, const Element* weight, int first_position, int first_channel)
        : g(whole), source(reinterpret_cast<const uint4*>(source)), granules(granules), row_taps(g.rows.taps), column_taps(g.columns.taps), tap_row(0), tap_column(0), granule(0),
          channels_left(g.result_channels - first_channel)
    {
        long long weight_line = static_cast<long long>(g.kernel_taps) * granules;
        int first_tap = g.rows.first_tap * g.kernel_columns + g.columns.first_tap;
        this->weight = reinterpret_cast<const uint4*>(weight) + (first_channel + line(0)) * weight_line + static_cast<long long>(first_tap) * granules;
        weight_pass = LinesPerPass * weight_line;
        advance(static_cast<int>(threadIdx.x) % Step::Granules);
        int count = positions(g);
#pragma unroll
        for (int pass = 0; pass < SourcePasses; pass++) {
            int position = first_position + line(pass);
            PositionWalk at(g, position);
            row[pass] = position < count ? at.row * g.rows.scale + g.rows.shift : Nowhere;
            column[pass] = at.column * g.columns.scale + g.columns.shift;
            pixel[pass] = (static_cast<unsigned>(at.image) * g.rows.source + row[pass]) * g.columns.source + column[pass];
        }
    }

    __device__ __forceinline__ static int line(int pass) { return static_cast<int>(threadIdx.x) / Step::Granules + pass * LinesPerPass; }

    __device__ __forceinline__ void advance(int by)
    {
        granule += by;
        while (granule >= granules) {
            granule -= granules;
            if (++tap_column == column_taps) {
                tap_column = 0;
                ++tap_row;
            }
        }
    }

    __device__ __forceinline__ void copy(unsigned char* a, unsigned char* b)
    {
        int place = Step::place(line(0), static_cast<int>(threadIdx.x) % Step::Granules);
        bool tap_inside = tap_row < row_taps;
        // Modulo 2^32, for a tap behind the last may lie anywhere.
        unsigned down = static_cast<unsigned>(tap_row) * static_cast<unsigned>(g.rows.step);
        unsigned right = static_cast<unsigned>(tap_column) * static_cast<unsigned>(g.columns.step);
        unsigned offset = down * static_cast<unsigned>(g.columns.source) + right;
#pragma unroll
        for (int pass = 0; pass < SourcePasses; pass++) {
            bool inside = tap_inside && static_cast<unsigned>(row[pass]) + down < static_cast<unsigned>(g.rows.source)
                && static_cast<unsigned>(column[pass]) + right < static_cast<unsigned>(g.columns.source);
            const uint4* from = source + (static_cast<unsigned long long>(pixel[pass] + offset) * static_cast<unsigned>(granules) + granule);
            cp_async_16(a + place + pass * LinesPerPass * Step::RowBytes, inside ? from : source, inside);
        }

        unsigned kernel_row = static_cast<unsigned>(tap_row) * static_cast<unsigned>(g.rows.tap_step);
        unsigned kernel_column = static_cast<unsigned>(tap_column) * static_cast<unsigned>(g.columns.tap_step);
        unsigned kernel_tap = kernel_row * static_cast<unsigned>(g.kernel_columns) + kernel_column;
        const uint4* from = weight + (kernel_tap * static_cast<unsigned>(granules) + static_cast<unsigned>(granule));
#pragma unroll
        for (int pass = 0; pass < WeightPasses; pass++) {
            bool inside = tap_inside && line(pass) < channels_left;
            cp_async_16(b + place + pass * LinesPerPass * Step::RowBytes, inside ? from + pass * weight_pass : source, inside);
        }

        advance(Step::Granules);
    }

    // A granule of a row is what ldmatrix calls a row of a tile, for 8 bfloat16 as for 4 float32: both operands come as mma wants them.
    __device__ __forceinline__ void multiply(const unsigned char* a, const unsigned char* b, float (&sum)[Tile::M][Tile::N][4]) const
    {
        int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
        for (int k = 0; k < Step::Granules; k += 2) {
            int first = Step::place(Tile::first_row() + lane % 16, k + lane / 16);
            int column = Step::place(Tile::first_column() + lane / 16 * 8 + lane % 8, k + lane / 8 % 2);
            unsigned loaded[Tile::N][2];
#pragma unroll
            for (int j = 0; j < Tile::N; j += 2) {
                unsigned two[4];
                ldmatrix_x4(two, b + column + 8 * j * Step::RowBytes);
                loaded[j][0] = two[0];
                loaded[j][1] = two[1];
                loaded[j + 1][0] = two[2];
                loaded[j + 1][1] = two[3];
            }

            typename Product::template Columns<Tile::N> columns(loaded);
#pragma unroll
            for (int i = 0; i < Tile::M; i++) {
                unsigned row[4];
                ldmatrix_x4(row, a + first + 16 * i * Step::RowBytes);
                columns.add_product(row, sum[i]);
            }
        }
    }
};

// The sums start from the bias where the pass has one: it costs no registers then.
template <class Tile>
__device__ __forceinline__ void start_from(const float* bias, int first_channel, int channels, float (&sum)[Tile::M][Tile::N][4])
{
#pragma unroll
    for (int j = 0; j < Tile::N; j++) {
#pragma unroll
        for (int r = 0; r < 4; r++) {
            int channel = first_channel + Tile::first_column() + 8 * j + mma_c_column(static_cast<int>(threadIdx.x) % 32, r);
            float value = bias && channel < channels ? bias[channel] : 0.0f;
#pragma unroll
            for (int i = 0; i < Tile::M; i++) {
                sum[i][j][r] = value;
            }
        }
    }
}

// Lanes exchange their pairs of columns first, so that each stores 16 bytes.
template <class Tile>
__device__ __forceinline__ void store_sums(const GatherResult<float>& to, const float (&sum)[Tile::M][Tile::N][4], int first_position, int first_channel, bool relu)
{
    int lane = static_cast<int>(threadIdx.x) % 32, count = positions(to.g);
#pragma unroll
    for (int i = 0; i < Tile::M; i++) {
        int position = first_position + Tile::first_row() + 16 * i + lane / 4 + 8 * (lane % 2);
        bool inside = position < count;
        long long pixel = inside ? to.pixel(position) : 0;
#pragma unroll
        for (int j = 0; j < Tile::N; j++) {
            float4 v = four_columns(sum[i][j]);
            if (inside) {
                to.store(pixel, first_channel + Tile::first_column() + 8 * j + lane / 2 % 2 * 4,
                    make_uint4(__float_as_uint(through(relu, v.x)), __float_as_uint(through(relu, v.y)), __float_as_uint(through(relu, v.z)), __float_as_uint(through(relu, v.w))));
            }
        }
    }
}

template <class Tile>
__device__ __forceinline__ void store_sums(
    const GatherResult<__nv_bfloat16>& to, const float (&sum)[Tile::M][Tile::N][4], int first_position, int first_channel, bool relu)
{
    static_assert(Tile::N == 4, "a quad of lanes has a row of four granules");
    int lane = static_cast<int>(threadIdx.x) % 32, count = positions(to.g);
#pragma unroll
    for (int i = 0; i < Tile::M; i++) {
#pragma unroll
        for (int r = 0; r < 4; r += 2) {
            unsigned words[4];
#pragma unroll
            for (int j = 0; j < 4; j++) {
                words[j] = bf16_pair(through(relu, sum[i][j][r]), through(relu, sum[i][j][r + 1]));
            }

            transpose_quad(words);
            int position = first_position + Tile::first_row() + 16 * i + mma_c_row(lane, r);
            if (position < count) {
                to.store(to.pixel(position), first_channel + Tile::first_column() + 8 * (lane % 4), make_uint4(words[0], words[1], words[2], words[3]));
            }
        }
    }
}

// One block's tile. The grid is one-dimensional with the tiles of the same positions side by side, so that they share the source in L2.
template <class Tile, class Product>
__device__ __forceinline__ void mma_gather_tile(const ConvGather& whole, const ConvRegions& regions, const typename Product::Element* source, const typename Product::Element* weight,
    const float* bias, const typename Product::Element* mask, bool relu, typename Product::Element* result, unsigned char* ring)
{
    using Result = GatherResult<typename Product::Element>;
    int across = (whole.result_channels + Tile::Columns - 1) / Tile::Columns;
    int first_channel = static_cast<int>(blockIdx.x) % across * Tile::Columns;
    int tile = static_cast<int>(blockIdx.x) / across;
    const ConvGather g = restricted(whole, regions, find_region(whole.batch, regions, Tile::Rows, tile));
    int first_position = tile * Tile::Rows;
    int granules = (g.source_channels + Result::PerGranule - 1) / Result::PerGranule;
    int reduction = g.rows.taps * g.columns.taps * granules;

    float sum[Tile::M][Tile::N][4];
    start_from<Tile>(bias, first_channel, g.result_channels, sum);
    if (reduction > 0) {
        using Operands = GatherOperands<Tile, Product>;
        Operands operands(whole, g, granules, source, weight, first_position, first_channel);
        reduce<Tile>(operands, (reduction + Operands::Step::Granules - 1) / Operands::Step::Granules, ring, sum);
    }

    bool whole_granules = g.result_channels % Result::PerGranule == 0 && aligned_to_16(result, mask);
    store_sums<Tile>(Result{g, result, mask, whole_granules}, sum, first_position, first_channel, relu);
}

}  // namespace dk

#define DK_CONV2D_GATHER(name, tile, product)                                                                                                   \
    extern "C" __global__ void __launch_bounds__(tile::Threads, tile::BlocksPerMultiprocessor) name(                                            \
        const product::Element* __restrict__ source, const product::Element* __restrict__ weight, const float* __restrict__ bias,               \
        const product::Element* __restrict__ mask, int relu, product::Element* __restrict__ result, dk::ConvGather g, dk::ConvRegions regions)  \
    {                                                                                                                                           \
        DK_SHARED(unsigned char, ring, tile::RingBytes);                                                                                        \
        dk::mma_gather_tile<tile, product>(g, regions, source, weight, bias, mask, relu != 0, result, ring);                                    \
    }                                                                                                                                           \
    DK_KERNEL(name)
