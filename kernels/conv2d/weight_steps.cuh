// How the weight gradient on Hopper is divided: tiles of result channels x (taps x source channels), each a number of steps of 64 positions.
//
// Workers take whole tiles first, as many waves of them as there are: all are at the same positions at a time and find each other's in L2. Of the tiles
// that are left each has as many steps as the others. They are consecutive, so that a worker has parts of some tiles, its first and its last; such parts
// are summed later, in order. The bits depend on the numbers of workers and waves alone, which the host takes from the shape.
//
//   tiles      |  0 to 3  |      4      |      5      |      6      |
//   workers    |  0 to 3  |    0    |    1    |    2    |    3      |      tile 4 is worker 0's and 1's, tile 5 that of 1 and 2, tile 6 that of 2 and 3
#pragma once

#include "geometry.cuh"

namespace dk {

// The columns of a tile come in boxes of 64 channels, each of one tap: several taps to a tile where they have few channels, several tiles to a tap
// where they have many. Conv2dWgmmaWeightPlan.cs counts them likewise.
struct WeightColumns {
    static constexpr int BoxChannels = 64;

    int width;  // columns of a tile
    int boxes_per_tap, taps_per_tile, tiles_per_tap;

    __host__ __device__ WeightColumns(int width, int channels) : width(width)
    {
        int boxes = (width + BoxChannels - 1) / BoxChannels, of_tap = (channels + BoxChannels - 1) / BoxChannels;
        bool several = width % BoxChannels == 0 && 2 * of_tap <= boxes;
        boxes_per_tap = several ? of_tap : boxes;
        taps_per_tile = several ? boxes / of_tap : 1;
        tiles_per_tap = several ? 1 : (channels + width - 1) / width;
    }

    __device__ __forceinline__ int tiles(int taps) const { return (taps + taps_per_tile - 1) / taps_per_tile * tiles_per_tap; }
    __device__ __forceinline__ int first_tap(int tile) const { return tile / tiles_per_tap * taps_per_tile; }

    // Of a tile's box: behind the last tap where it has none.
    __device__ __forceinline__ int tap(int tile, int box, int taps) const
    {
        int in_tile = box / boxes_per_tap;
        return in_tile < taps_per_tile ? first_tap(tile) + in_tile : taps;
    }

    __device__ __forceinline__ int channel(int tile, int box) const { return tile % tiles_per_tap * width + box % boxes_per_tap * BoxChannels; }
};

// A worker's part of a tile: steps [from, to) of `steps`.
struct WeightPart {
    int row;     // the tile among those of result channels
    int column;  // the tile among those of taps and source channels
    int from, to, steps;

    __device__ __forceinline__ bool is_whole() const { return from == 0 && to == steps; }
};

struct WeightSteps {
    static constexpr int Positions = 64;

    const ConvGather& g;
    const ConvRegions& taps;  // the positions that have a tap inside the source, by the tap's row and column; one for all where they are not cut
    WeightColumns columns;
    int across;  // tiles
    int workers, waves;
    long long row_steps, shared, total;  // steps before `shared` are those of the waves

    __device__ __forceinline__ WeightSteps(const ConvGather& g, const ConvRegions& taps, int workers, int waves, int tile_rows, int tile_columns)
        : g(g), taps(taps), columns(tile_columns, g.source_channels), across(columns.tiles(g.kernel_taps)), workers(workers), waves(waves), row_steps(0)
    {
        for (int tile = 0; tile < across; tile++) {
            row_steps += of(tile);
        }

        // Waves are of tiles with as many steps.
        shared = static_cast<long long>(waves) * workers * of(0);
        total = row_steps * ((g.result_channels + tile_rows - 1) / tile_rows);
    }

    __device__ __forceinline__ const ConvPiece& rows(int tap) const { return taps.rows.at[taps.rows.count > 1 ? tap / g.kernel_columns : 0]; }
    __device__ __forceinline__ const ConvPiece& line(int tap) const { return taps.columns.at[taps.columns.count > 1 ? tap % g.kernel_columns : 0]; }

    // Of the tile.
    __device__ __forceinline__ int of(int tile) const
    {
        int tap = columns.first_tap(tile);
        return (g.batch * rows(tap).count * line(tap).count + Positions - 1) / Positions;
    }

    __device__ __forceinline__ long long first_of(int worker) const { return shared + (total - shared) * worker / workers; }

    // The part of a tile that starts at step `at` and ends with the tile.
    __device__ __forceinline__ WeightPart from(long long at) const
    {
        WeightPart part{static_cast<int>(at / row_steps), 0, 0, 0, 0};
        long long left = at % row_steps;
        for (part.steps = of(0); left >= part.steps; part.steps = of(++part.column)) {
            left -= part.steps;
        }

        part.from = static_cast<int>(left);
        part.to = part.steps;
        return part;
    }

    // Calls body(part) for each of a worker's.
    template <class Body>
    __device__ __forceinline__ void for_each_part(int worker, Body body) const
    {
        long long at = first_of(worker), end = first_of(worker + 1);
#pragma unroll 1
        for (int wave = 0; wave < waves || at < end; wave++) {
            bool whole = wave < waves;
            WeightPart part = from(whole ? (static_cast<long long>(wave) * workers + worker) * of(0) : at);
            if (!whole) {
                part.to = end - at < part.steps - part.from ? part.from + static_cast<int>(end - at) : part.steps;
                at += part.to - part.from;
            }

            body(part);
        }
    }
};

}  // namespace dk
