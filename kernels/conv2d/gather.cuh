// Forward and data gradient as one implicit matrix product: rows are positions, columns are result channels, and the reduction runs over
// taps and source channels, flattened, so that few channels waste nothing. No patch matrix is ever in memory.
#pragma once

#include "../pointwise/vectorized.cuh"
#include "geometry.cuh"
#include "tile.cuh"

namespace dk {

// The positions of a tile, and what they read of the source. A thread has a few positions and one place in the reduction.
template <class Tile, int Width>
struct GatheredSource {
    using Share = AlongReduction<Tile, Tile::Rows, Tile::RowPitch, Width>;

    // Far outside every map, whatever a tap adds: the host keeps all coordinates below 2^29.
    static constexpr int Nowhere = -(1 << 30);

    const float* source;
    int row[Share::Passes];
    int column[Share::Passes];
    // Index of the source pixel of tap step 0, modulo 2^32: it may lie outside, but with the tap's offset it is right again.
    unsigned pixel[Share::Passes];
    float values[Share::Passes][Width];

    __device__ __forceinline__ GatheredSource(const ConvGather& g, const float* source, int first) : source(source)
    {
        int count = positions(g);
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
            int position = first + Share::line(pass);
            PositionWalk at(g, position);
            row[pass] = position < count ? at.row * g.rows.scale + g.rows.shift : Nowhere;
            column[pass] = at.column * g.columns.scale + g.columns.shift;
            pixel[pass] = (static_cast<unsigned>(at.image) * g.rows.source + row[pass]) * g.columns.source + column[pass];
        }
    }

    // channel is the thread's own, at the tap.
    __device__ __forceinline__ void fetch(const ConvGather& g, const TapWalk& tap, int channel)
    {
        bool tap_inside = tap.inside(g);
        int down = tap_inside ? tap.row * g.rows.step : 0;
        int right = tap_inside ? tap.column * g.columns.step : 0;
        unsigned offset = static_cast<unsigned>(down) * g.columns.source + right;
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
            bool inside = tap_inside && static_cast<unsigned>(row[pass] + down) < static_cast<unsigned>(g.rows.source)
                && static_cast<unsigned>(column[pass] + right) < static_cast<unsigned>(g.columns.source);
#pragma unroll
            for (int i = 0; i < Width; i++) {
                values[pass][i] = 0.0f;
            }

            if (inside && Share::takes_part(pass)) {
                load(source + static_cast<long long>(pixel[pass] + offset) * g.source_channels + channel, values[pass]);
            }
        }
    }
};

// With Width 4 the source's channels are a multiple of Depth, so that a step of the reduction lies within one tap: the walk is the
// same for all threads, and the compiler keeps it in uniform registers. With Width 1 each thread walks on its own.
template <class Share, int Width>
__device__ __forceinline__ int own_start() { return Width == 1 ? Share::depth() : 0; }

template <int Width>
__device__ __forceinline__ void next_step(const ConvGather& g, TapWalk& tap, int depth)
{
    if (Width == 1) {
        tap.advance(g, depth);
    } else {
        tap.advance_at_most_a_tap(g, depth);
    }
}

template <class Share, int Width>
__device__ __forceinline__ int own_channel(const TapWalk& tap) { return Width == 1 ? tap.channel : tap.channel + Share::depth(); }

// The weights w[m][tap][c] of the forward pass: contiguous along the reduction, as the source is, and fetched at the same place in it.
template <class Tile, int Width>
struct ForwardOperands {
    using Share = AlongReduction<Tile, Tile::Columns, Tile::ColumnPitch, Width>;

    const ConvGather& g;
    GatheredSource<Tile, Width> source;
    TapWalk tap;
    const float* weight;
    int first_channel;
    float values[Share::Passes][Width];

    __device__ __forceinline__ ForwardOperands(const ConvGather& g, const float* x, const float* weight, int first_position, int first_channel)
        : g(g), source(g, x, first_position), tap(g, own_start<Share, Width>()), weight(weight), first_channel(first_channel)
    {
    }

    __device__ __forceinline__ void fetch()
    {
        int channel = own_channel<Share, Width>(tap);
        source.fetch(g, tap, channel);
        bool tap_inside = tap.inside(g);
        int kernel_tap = tap.kernel_tap(g);
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
#pragma unroll
            for (int i = 0; i < Width; i++) {
                values[pass][i] = 0.0f;
            }

            int row = first_channel + Share::line(pass);
            if (tap_inside && row < g.result_channels && Share::takes_part(pass)) {
                load(weight + (static_cast<long long>(row) * g.kernel_taps + kernel_tap) * g.source_channels + channel, values[pass]);
            }
        }

        next_step<Width>(g, tap, Tile::Depth);
    }

    __device__ __forceinline__ void put(float* a, float* b)
    {
        GatheredSource<Tile, Width>::Share::put(a, source.values);
        Share::put(b, values);
    }
};

// The weights w[c][tap][m] of the data gradient, whose source channels are the forward pass's results: contiguous across the tile.
template <class Tile, int Width>
struct DataGradientOperands {
    using Source = GatheredSource<Tile, Width>;
    using Share = AcrossReduction<Tile, Tile::Columns, Tile::ColumnPitch, Width>;

    const ConvGather& g;
    Source source;
    TapWalk source_tap;
    TapWalk weight_tap;
    const float* weight;
    int channel;
    float values[Share::Passes][Width];

    __device__ __forceinline__ DataGradientOperands(const ConvGather& g, const float* dy, const float* weight, int first_position, int first_channel)
        : g(g), source(g, dy, first_position), source_tap(g, own_start<typename Source::Share, Width>()), weight_tap(g, Width == 1 ? Share::depth(0) : 0), weight(weight),
          channel(first_channel + Share::place())
    {
    }

    __device__ __forceinline__ void fetch()
    {
        source.fetch(g, source_tap, own_channel<typename Source::Share, Width>(source_tap));
        next_step<Width>(g, source_tap, Tile::Depth);
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
#pragma unroll
            for (int i = 0; i < Width; i++) {
                values[pass][i] = 0.0f;
            }

            if (weight_tap.inside(g) && channel < g.result_channels && Share::takes_part(pass)) {
                int line = Width == 1 ? weight_tap.channel : weight_tap.channel + Share::depth(pass);
                load(weight + (static_cast<long long>(line) * g.kernel_taps + weight_tap.kernel_tap(g)) * g.result_channels + channel, values[pass]);
            }

            if (Width == 1) {
                weight_tap.advance(g, pass + 1 < Share::Passes ? Share::LinesPerPass : Share::LastAdvance);
            }
        }

        if (Width != 1) {
            next_step<Width>(g, weight_tap, Tile::Depth);
        }
    }

    __device__ __forceinline__ void put(float* a, float* b)
    {
        Source::Share::put(a, source.values);
        Share::put(b, values);
    }
};

// The sums start from the bias where the pass has one: it costs no registers then.
template <class Tile>
__device__ __forceinline__ void start_from(const ConvGather& g, const float* bias, int first_channel, float (&sum)[Tile::ThreadRows][Tile::ThreadColumns])
{
#pragma unroll
    for (int j = 0; j < Tile::ThreadColumns; j++) {
        int channel = first_channel + Tile::column(j);
        float value = bias && channel < g.result_channels ? bias[channel] : 0.0f;
#pragma unroll
        for (int i = 0; i < Tile::ThreadRows; i++) {
            sum[i][j] = value;
        }
    }
}

// Writes a tile, through a ReLU where the pass has one.
template <class Tile>
__device__ __forceinline__ void store_result(const ConvGather& g, const float (&sum)[Tile::ThreadRows][Tile::ThreadColumns],
    int first_position, int first_channel, bool relu, float* result)
{
    int count = positions(g);
    bool dense = g.rows.result_stride == 1 && g.columns.result_stride == 1;
    bool quads = g.result_channels % 4 == 0 && aligned_to_16(result);
#pragma unroll
    for (int i = 0; i < Tile::ThreadRows; i++) {
        int position = first_position + Tile::row(i);
        if (position >= count) {
            continue;
        }

        long long pixel = position;
        if (!dense) {
            PositionWalk at(g, position);
            pixel = (static_cast<long long>(at.image) * g.rows.result + at.row * g.rows.result_stride + g.rows.result_offset) * g.columns.result
                + at.column * g.columns.result_stride + g.columns.result_offset;
        }

        float* target = result + pixel * g.result_channels;
#pragma unroll
        for (int j = 0; j < Tile::ThreadColumns; j += 4) {
            int channel = first_channel + Tile::column(j);
            float value[4];
#pragma unroll
            for (int k = 0; k < 4; k++) {
                value[k] = sum[i][j + k];
                // Not fmaxf, which would turn NaN into 0.
                value[k] = relu && value[k] < 0.0f ? 0.0f : value[k];
            }

            if (quads && channel < g.result_channels) {
                *reinterpret_cast<float4*>(target + channel) = make_float4(value[0], value[1], value[2], value[3]);
            } else {
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    if (channel + k < g.result_channels) {
                        target[channel + k] = value[k];
                    }
                }
            }
        }
    }
}

// One block's tile. The grid is one-dimensional with the tiles of the same positions side by side, so that they share the source in L2.
template <class Tile, class Operands>
__device__ __forceinline__ void gather_tile(const ConvGather& g, const float* source, const float* weight, const float* bias, bool relu, float* result, float* shared)
{
    int across = (g.result_channels + Tile::Columns - 1) / Tile::Columns;
    int first_position = static_cast<int>(blockIdx.x) / across * Tile::Rows;
    int first_channel = static_cast<int>(blockIdx.x) % across * Tile::Columns;

    float sum[Tile::ThreadRows][Tile::ThreadColumns];
    start_from<Tile>(g, bias, first_channel, sum);
    int reduction = g.rows.taps * g.columns.taps * g.source_channels;
    if (reduction > 0) {
        Operands operands(g, source, weight, first_position, first_channel);
        reduce<Tile>(operands, (reduction + Tile::Depth - 1) / Tile::Depth, shared, sum);
    }

    store_result<Tile>(g, sum, first_position, first_channel, relu, result);
}

}  // namespace dk
