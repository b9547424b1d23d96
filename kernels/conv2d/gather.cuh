// Forward and data gradient as one implicit matrix product: rows are positions, columns are result channels, and the reduction runs over
// taps and source channels, flattened, so that few channels waste nothing. No patch matrix is ever in memory. T is the type of source and result;
// weights and bias are float32, and the product takes the weights rounded to T.
#pragma once

#include "../pointwise/vectorized.cuh"
#include "geometry.cuh"
#include "tile.cuh"

namespace dk {

// The positions of a tile, and what they read of the source. A thread has a few positions and one place in the reduction.
template <class Tile, class T, int Width>
struct GatheredSource {
    using Share = AlongReduction<Tile, Tile::Rows, Tile::RowPitch, Width>;

    // Far outside every map, whatever a tap adds: the host keeps all coordinates below 2^29.
    static constexpr int Nowhere = -(1 << 30);

    const T* source;
    int row[Share::Passes];
    int column[Share::Passes];
    // Index of the source pixel of tap step 0, modulo 2^32: it may lie outside, but with the tap's offset it is right again.
    unsigned pixel[Share::Passes];
    Packed<T, Width> values[Share::Passes];

    __device__ __forceinline__ GatheredSource(const ConvGather& g, const T* source, int first) : source(source)
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
            values[pass] = {};
            if (inside && Share::takes_part(pass)) {
                values[pass] = load_packed<Width>(source + static_cast<long long>(pixel[pass] + offset) * g.source_channels + channel);
            }
        }
    }
};

// Loads are 128 bits where the source's channels are a multiple of Depth. A step of the reduction lies within one tap then: the walk is the
// same for all threads, and the compiler keeps it in uniform registers. With single loads each thread walks on its own.
template <class Share>
__device__ __forceinline__ int own_start() { return Share::Width == 1 ? Share::depth() : 0; }

template <bool IsWide>
__device__ __forceinline__ void next_step(const ConvGather& g, TapWalk& tap, int depth)
{
    if (IsWide) {
        tap.advance_at_most_a_tap(g, depth);
    } else {
        tap.advance(g, depth);
    }
}

template <class Share>
__device__ __forceinline__ int own_channel(const TapWalk& tap) { return Share::Width == 1 ? tap.channel : tap.channel + Share::depth(); }

// The weights w[m][tap][c] of the forward pass: contiguous along the reduction, as the source is, and fetched at the same place in it.
template <class Tile, class T, bool IsWide>
struct ForwardOperands {
    static constexpr int WeightWidth = IsWide ? Wide<float> : 1;

    using Source = GatheredSource<Tile, T, IsWide ? Wide<T> : 1>;
    using Share = AlongReduction<Tile, Tile::Columns, Tile::ColumnPitch, WeightWidth>;

    const ConvGather& g;
    Source source;
    TapWalk tap;
    const float* weight;
    int first_channel;
    Packed<float, WeightWidth> values[Share::Passes];

    __device__ __forceinline__ ForwardOperands(const ConvGather& g, const T* x, const float* weight, int first_position, int first_channel)
        : g(g), source(g, x, first_position), tap(g, own_start<Share>()), weight(weight), first_channel(first_channel)
    {
    }

    __device__ __forceinline__ void fetch()
    {
        source.fetch(g, tap, own_channel<typename Source::Share>(tap));
        int channel = own_channel<Share>(tap);
        bool tap_inside = tap.inside(g);
        int kernel_tap = tap.kernel_tap(g);
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
            values[pass] = {};
            int row = first_channel + Share::line(pass);
            if (tap_inside && row < g.result_channels && Share::takes_part(pass)) {
                values[pass] = load_packed<WeightWidth>(weight + (static_cast<long long>(row) * g.kernel_taps + kernel_tap) * g.source_channels + channel);
            }
        }

        next_step<IsWide>(g, tap, Tile::Depth);
    }

    __device__ __forceinline__ void put(float* a, float* b)
    {
        Source::Share::template put<float>(a, source.values);
        Share::template put<T>(b, values);
    }
};

// The weights w[c][tap][m] of the data gradient, whose source channels are the forward pass's results: contiguous across the tile.
template <class Tile, class T, bool IsWide>
struct DataGradientOperands {
    static constexpr int WeightWidth = IsWide ? Wide<float> : 1;

    using Source = GatheredSource<Tile, T, IsWide ? Wide<T> : 1>;
    using Share = AcrossReduction<Tile, Tile::Columns, Tile::ColumnPitch, WeightWidth>;

    const ConvGather& g;
    Source source;
    TapWalk source_tap;
    TapWalk weight_tap;
    const float* weight;
    int channel;
    Packed<float, WeightWidth> values[Share::Passes];

    __device__ __forceinline__ DataGradientOperands(const ConvGather& g, const T* dy, const float* weight, int first_position, int first_channel)
        : g(g), source(g, dy, first_position), source_tap(g, own_start<typename Source::Share>()), weight_tap(g, IsWide ? 0 : Share::depth(0)), weight(weight),
          channel(first_channel + Share::place())
    {
    }

    __device__ __forceinline__ void fetch()
    {
        source.fetch(g, source_tap, own_channel<typename Source::Share>(source_tap));
        next_step<IsWide>(g, source_tap, Tile::Depth);
#pragma unroll
        for (int pass = 0; pass < Share::Passes; pass++) {
            values[pass] = {};
            if (weight_tap.inside(g) && channel < g.result_channels && Share::takes_part(pass)) {
                int line = IsWide ? weight_tap.channel + Share::depth(pass) : weight_tap.channel;
                values[pass] = load_packed<WeightWidth>(
                    weight + (static_cast<long long>(line) * g.kernel_taps + weight_tap.kernel_tap(g)) * g.result_channels + channel);
            }

            if (!IsWide) {
                weight_tap.advance(g, pass + 1 < Share::Passes ? Share::LinesPerPass : Share::LastAdvance);
            }
        }

        if (IsWide) {
            next_step<IsWide>(g, weight_tap, Tile::Depth);
        }
    }

    __device__ __forceinline__ void put(float* a, float* b)
    {
        Source::Share::template put<float>(a, source.values);
        Share::template put<T>(b, values);
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

// Writes a tile, through a ReLU where the pass has one, 0 where its mask is not positive, rounded once.
template <class Tile, class T>
__device__ __forceinline__ void store_result(const ConvGather& g, const float (&sum)[Tile::ThreadRows][Tile::ThreadColumns],
    int first_position, int first_channel, bool relu, const T* mask, T* result)
{
    int count = positions(g);
    bool dense = g.rows.result_stride == 1 && g.columns.result_stride == 1;
    bool quads = g.result_channels % 4 == 0 && aligned_to_16(result, mask);
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

        long long place = pixel * g.result_channels;
#pragma unroll
        for (int j = 0; j < Tile::ThreadColumns; j += 4) {
            int channel = first_channel + Tile::column(j);
            Floats<4> value;
#pragma unroll
            for (int k = 0; k < 4; k++) {
                value.at[k] = sum[i][j + k];
                // Not fmaxf, which would turn NaN into 0.
                value.at[k] = relu && value.at[k] < 0.0f ? 0.0f : value.at[k];
            }

            if (quads && channel < g.result_channels) {
                if (mask) {
                    Floats<4> gate = load_floats<4>(mask + place + channel);
#pragma unroll
                    for (int k = 0; k < 4; k++) {
                        value.at[k] = gate.at[k] > 0.0f ? value.at[k] : 0.0f;
                    }
                }

                store_floats<4>(result + place + channel, value);
            } else {
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    if (channel + k < g.result_channels) {
                        bool open = !mask || to_float(mask[place + channel + k]) > 0.0f;
                        store(result + place + channel + k, open ? value.at[k] : 0.0f);
                    }
                }
            }
        }
    }
}

// One block's tile. The grid is one-dimensional with the tiles of the same positions side by side, so that they share the source in L2.
template <class Tile, class Operands, class T>
__device__ __forceinline__ void gather_tile(const ConvGather& g, const T* source, const float* weight, const float* bias, bool relu, const T* mask, T* result,
    float* shared)
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

    store_result<Tile>(g, sum, first_position, first_channel, relu, mask, result);
}

// The tiles of both passes: positions x result channels.
using GatherTile128 = ConvTile<128, 128, 8, 8>;
using GatherTile64 = ConvTile<128, 64, 8, 8>;
using GatherTile24 = ConvTile<128, 24, 8, 4>;
using GatherTile16 = ConvTile<128, 16, 8, 4>;

}  // namespace dk

#define DK_CONV2D_FPROP(name, tile, T, is_wide) \
    extern "C" __global__ void __launch_bounds__(tile::Threads, tile::BlocksPerMultiprocessor) name( \
        const T* __restrict__ x, const float* __restrict__ weight, const float* __restrict__ bias, int relu, T* __restrict__ y, dk::ConvGather g) \
    { \
        DK_SHARED(float, shared, tile::SharedFloats); \
        dk::gather_tile<tile, dk::ForwardOperands<tile, T, is_wide>>(g, x, weight, bias, relu != 0, static_cast<const T*>(nullptr), y, shared); \
    } \
    DK_KERNEL(name)

#define DK_CONV2D_DGRAD(name, tile, T, is_wide) \
    extern "C" __global__ void __launch_bounds__(tile::Threads, tile::BlocksPerMultiprocessor) name( \
        const T* __restrict__ dy, const float* __restrict__ weight, const T* __restrict__ mask, T* __restrict__ dx, dk::ConvGather g) \
    { \
        DK_SHARED(float, shared, tile::SharedFloats); \
        dk::gather_tile<tile, dk::DataGradientOperands<tile, T, is_wide>>(g, dy, weight, nullptr, false, mask, dx, shared); \
    } \
    DK_KERNEL(name)
