// What a convolution pass reads where: the one struct of the conv2d kernels, filled in by the host (Conv2dGather.cs mirrors it).
//
// Forward and data gradient are the same sum, gathered from another map:
//
//   result(n, qy, qx, m) = sum over taps (jy, jx) and channels c of
//       source(n, qy * scale + shift + jy * step, likewise x, c) * weight(kernel tap of (jy, jx), c, m)
//
//   forward          source x, scale = stride, shift = -padding, step = dilation
//   data gradient    source dy, scale = 1, step = -dilation at stride 1. At stride s the result's positions fall into s x s phases
//                    (position mod s); each is a dense gather with those taps of the kernel that land on dy, and a launch of its own.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

struct ConvAxis {
    int source;         // extent of the map that is read
    int count;          // positions computed
    int result;         // extent of the map that is written:
    int result_stride;  //   position q is its element q * result_stride + result_offset
    int result_offset;
    int scale;          // position q and tap j read source position q * scale + shift + j * step
    int shift;
    int step;
    int taps;           // taps in use: tap j is the kernel's tap first_tap + j * tap_step
    int first_tap;
    int tap_step;
};

struct ConvGather {
    ConvAxis rows;
    ConvAxis columns;
    int batch;
    int source_channels;
    int result_channels;
    int kernel_columns;  // of the whole kernel
    int kernel_taps;
};

// Positions [begin, begin + count) of an axis, computed with taps first_tap and the next: no other is inside the source anywhere among them.
struct ConvPiece {
    int begin;
    int count;
    int first_tap;
    int taps;
};

struct ConvPieces {
    int count;
    ConvPiece at[7];
};

__device__ __forceinline__ void restrict_to(ConvAxis& axis, const ConvPiece& piece)
{
    axis.count = piece.count;
    axis.result_offset += piece.begin * axis.result_stride;
    axis.shift += piece.begin * axis.scale + piece.first_tap * axis.step;
    axis.first_tap += piece.first_tap * axis.tap_step;
    axis.taps = piece.taps;
}

// The positions cut into rectangles, one for each piece of rows and piece of columns. Blocks take tiles of one rectangle after another, columns' pieces fastest.
//
//     dilation 4, padding 4        +---+-----------+---+
//                                  | 4 |     6     | 4 |    taps that are left of nine
//                                  +---+-----------+---+
//                                  |   |           |   |
//                                  | 6 |     9     | 6 |
//                                  |   |           |   |
//                                  +---+-----------+---+
//                                  | 4 |     6     | 4 |
//                                  +---+-----------+---+
struct ConvRegions {
    ConvPieces rows;
    ConvPieces columns;
};

// A rectangle: its piece of the rows and of the columns.
struct ConvRegion {
    int row;
    int column;
};

// That of a tile of tile_rows positions. Counts `tile` from the rectangle's first.
__device__ inline ConvRegion find_region(int batch, const ConvRegions& regions, int tile_rows, int& tile)
{
    for (int r = 0; r < regions.rows.count; r++) {
        for (int c = 0; c < regions.columns.count; c++) {
            int tiles = (batch * regions.rows.at[r].count * regions.columns.at[c].count + tile_rows - 1) / tile_rows;
            if (tile < tiles) {
                return {r, c};
            }

            tile -= tiles;
        }
    }

    return {0, 0};
}

__device__ inline int count_tiles(int batch, const ConvRegions& regions, int tile_rows)
{
    int tiles = 0;
    for (int r = 0; r < regions.rows.count; r++) {
        for (int c = 0; c < regions.columns.count; c++) {
            tiles += (batch * regions.rows.at[r].count * regions.columns.at[c].count + tile_rows - 1) / tile_rows;
        }
    }

    return tiles;
}

// The pass over one rectangle.
__device__ __forceinline__ ConvGather restricted(ConvGather g, const ConvRegions& regions, ConvRegion at)
{
    restrict_to(g.rows, regions.rows.at[at.row]);
    restrict_to(g.columns, regions.columns.at[at.column]);
    return g;
}

// A place in the reduction: a tap in use and a channel of the source, channels fastest.
struct TapWalk {
    int row;
    int column;
    int channel;

    __device__ __forceinline__ explicit TapWalk(const ConvGather& g, int start) : row(0), column(0), channel(0) { advance(g, start); }

    __device__ __forceinline__ void advance(const ConvGather& g, int by)
    {
        channel += by;
        while (channel >= g.source_channels) {
            channel -= g.source_channels;
            if (++column == g.columns.taps) {
                column = 0;
                ++row;
            }
        }
    }

    // The same for at most source_channels.
    __device__ __forceinline__ void advance_at_most_a_tap(const ConvGather& g, int by)
    {
        channel += by;
        if (channel >= g.source_channels) {
            channel -= g.source_channels;
            if (++column == g.columns.taps) {
                column = 0;
                ++row;
            }
        }
    }

    __device__ __forceinline__ bool inside(const ConvGather& g) const { return row < g.rows.taps; }

    __device__ __forceinline__ int kernel_tap(const ConvGather& g) const
    {
        return (g.rows.first_tap + row * g.rows.tap_step) * g.kernel_columns + g.columns.first_tap + column * g.columns.tap_step;
    }
};

// A place in the positions computed, in the order image, row, column.
struct PositionWalk {
    int image;
    int row;
    int column;

    __device__ __forceinline__ PositionWalk(const ConvGather& g, int position)
    {
        int line = position / g.columns.count;
        column = position - line * g.columns.count;
        image = line / g.rows.count;
        row = line - image * g.rows.count;
    }

    __device__ __forceinline__ void advance(const ConvGather& g, int by)
    {
        column += by;
        while (column >= g.columns.count) {
            column -= g.columns.count;
            if (++row == g.rows.count) {
                row = 0;
                ++image;
            }
        }
    }
};

__device__ __forceinline__ int positions(const ConvGather& g) { return g.batch * g.rows.count * g.columns.count; }

}  // namespace dk
