// The weight gradient on Hopper's tensor cores: rows are result channels, columns are taps x source channels, and the reduction runs over positions,
// 64 a step. Both operands lie across the reduction: a line of 128 bytes is 64 channels of one position, and wgmma reads them turned.
//
//   block        a producer and two consumers, warpgroups of 128 threads; it takes workers' parts of the tiles (weight_steps.cuh) until none is left
//   ring         stages in shared memory, each one step: boxes of 64 positions x 64 channels, of dy for 64 rows, of x for 64 columns under one tap
//   producer     one thread orders the copies: both im2col, over the positions that have the tap inside the source
//   consumers    64 rows each, or half of the columns where there are 64 rows; products of 16 positions
//
// Blocks can come in clusters that take neighbouring tiles of result channels, the same columns and the same steps: a worker is a cluster then. Each block brings its
// own boxes of dy, and of those of x every second one, in turn, to both.
//
// float32 comes in two or three parts of bfloat16 (split_products.cuh), one behind the other in a pixel. A stage has the boxes of all parts, and with three its sum is added
// to the tile's by the threads (promote_stages).
//
// A whole tile goes to dw; a part of one to partial, as the threads hold it, two a block of a worker: of its first part and its last.
#pragma once

#include "../pointwise/vectorized.cuh"
#include "../ptx/store.cuh"
#include "../ptx/tma.cuh"
#include "../ptx/wgmma.cuh"
#include "mma_tile.cuh"
#include "ring.cuh"
#include "split_products.cuh"
#include "weight_steps.cuh"
#include "wgmma_consumer.cuh"

namespace dk {

// RowBoxes: 1 or 2 times 64 result channels. Columns are those of a consumer. Blocks: those of a cluster. Parts: those of an operand, 1 for bfloat16, 2 or 3 for float32.
template <int RowBoxes_, int Columns_, int Blocks_ = 1, int Parts_ = 1>
struct WgmmaWeightTile {
    using Split = SplitProducts<Parts_>;

    static constexpr int Parts = Parts_;
    static constexpr int RowBoxes = RowBoxes_, Rows = 64 * RowBoxes, Columns = Columns_, Blocks = Blocks_, ClusterRows = Blocks * Rows;
    static constexpr unsigned short AllBlocks = (1 << Blocks) - 1;
    static constexpr int Consumers = 2, Warpgroup = 128, Threads = (1 + Consumers) * Warpgroup;
    static constexpr int Across = RowBoxes == 2 ? Columns : Consumers * Columns;  // columns of the tile
    static constexpr int Boxes = (Columns + 63) / 64, AcrossBoxes = (Across + 63) / 64;
    static constexpr int Positions = WeightSteps::Positions, ProductPositions = 16, LineBytes = 128, BoxBytes = Positions * LineBytes;
    static constexpr int PartBytes = (RowBoxes + AcrossBoxes) * BoxBytes, StageBytes = Parts * PartBytes, Stages = ring_stages(StageBytes);

    static_assert(RowBoxes == 2 || (RowBoxes == 1 && Columns % 64 == 0), "a consumer has whole boxes");
    static_assert(Columns % 8 == 0 && Columns <= 256, "what wgmma multiplies");
};

// By the row and column of a tap where the positions are cut, one for all taps where they are not.
struct WeightMaps {
    static constexpr int Most = 9;

    TensorMap x[Most];
    TensorMap dy[Most];
};

// Where a tile's sums go.
struct WeightResult {
    const WeightSteps& work;
    float* dw;
    bool quads;
    int row_boxes, columns;  // of the tile: as in WgmmaWeightTile

    // Columns 8 * group to 8 * group + 7 of a consumer, of which a warp holds 16 rows: called by all its lanes.
    __device__ __forceinline__ void store(const WeightPart& part, int consumer, int group, const float (&sum)[4]) const
    {
        const ConvGather& g = work.g;
        float4 v = four_columns(sum);
        int thread = static_cast<int>(threadIdx.x) % 128, lane = thread % 32;
        int row = part.row * 64 * row_boxes + (row_boxes == 2 ? 64 * consumer : 0) + thread / 32 * 16 + lane / 4 + 8 * (lane % 2);
        int box = (row_boxes == 2 ? 0 : consumer * columns / 64) + group / 8;
        int tap = work.columns.tap(part.column, box, g.kernel_taps), channel = work.columns.channel(part.column, box) + group % 8 * 8 + lane / 2 % 2 * 4;
        if (row >= g.result_channels || tap >= g.kernel_taps || channel >= g.source_channels) {
            return;
        }

        float* place = dw + (static_cast<long long>(row) * g.kernel_taps + tap) * g.source_channels + channel;
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
    }
};

// sum[first] to sum[first + 3]. Sums that no product wrote lie in no order of registers: to gather four in a row for one store, ptxas would leave gaps, and spill.
template <int Parts, int Registers>
__device__ __forceinline__ void store_four(float* place, const float (&sum)[Registers], int first)
{
    if constexpr (!sums_are_promoted(Parts)) {
        store_16(place, make_float4(sum[first], sum[first + 1], sum[first + 2], sum[first + 3]));
    } else {
        store_8(place, make_float2(sum[first], sum[first + 1]));
        store_8(place + 2, make_float2(sum[first + 2], sum[first + 3]));
    }
}

// Of four sums of a thread among those of all parts.
__device__ __forceinline__ long long partial_place(int slot, int groups, int group, int consumer_thread)
{
    return 4 * ((static_cast<long long>(slot) * groups + group) * 256 + consumer_thread);
}

__device__ __forceinline__ int partial_slot(int worker, bool is_start) { return 2 * worker + (is_start ? 1 : 0); }

template <class Tile>
struct WgmmaWeight {
    const WeightSteps& work;
    const WeightMaps* maps;
    Mbarrier* full;
    Mbarrier* empty;
    unsigned char* ring;
    int rank;  // in the cluster

    __device__ __forceinline__ unsigned char* stage(int index) const { return ring + index * Tile::StageBytes; }

    // The block's number among those of all workers, and what it has of the worker's part.
    template <class Body>
    __device__ __forceinline__ void for_each_part(Body body) const
    {
#pragma unroll 1
        for (int worker = static_cast<int>(blockIdx.x) / Tile::Blocks; worker < work.workers; worker += static_cast<int>(gridDim.x) / Tile::Blocks) {
            work.for_each_part(worker, [&](WeightPart part) {
                part.row = part.row * Tile::Blocks + rank;
                body(worker * Tile::Blocks + rank, part);
            });
        }
    }
};

template <class Tile>
__device__ __forceinline__ void produce(const WgmmaWeight<Tile>& block)
{
    const WeightSteps& work = block.work;
    const ConvGather& g = work.g;
    bool cut_rows = work.taps.rows.count > 1, cut_columns = work.taps.columns.count > 1;
    int of_x = part_channels(g.source_channels), of_dy = part_channels(g.result_channels);
    RingPlace<Tile::Stages> place;
    block.for_each_part([&](int, const WeightPart& part) {
        int first = work.columns.first_tap(part.column), tap_row = first / g.kernel_columns, tap_column = first % g.kernel_columns;
        ConvPiece rows = work.rows(first), line = work.line(first);
        int map = cut_rows ? (cut_columns ? first : tap_row) : cut_columns ? tap_column : 0;
        // The map of a tap's own begins where it reads; that of a whole axis, at the first pixel.
        int top = cut_rows ? 0 : g.rows.shift, left = cut_columns ? 0 : g.columns.shift;
        int position = part.from * WeightSteps::Positions;
#pragma unroll 1
        for (int step = part.from; step < part.to; step++, place.advance(), position += WeightSteps::Positions) {
            int above = position / line.count, column = position - above * line.count;
            int image = above / rows.count, row = above - image * rows.count;
            unsigned char* box = block.stage(place.stage);
            Mbarrier* full = &block.full[place.stage];
            mbarrier_wait(&block.empty[place.stage], place.parity ^ 1);
            mbarrier_arrive_expect_tx(full, Tile::StageBytes);
#pragma unroll 1
            for (int k = 0; k < Tile::Parts * Tile::RowBoxes; k++) {
                int of = k / Tile::RowBoxes, i = k % Tile::RowBoxes;
                tma_load_im2col_4d(box + of * Tile::PartBytes + i * Tile::BoxBytes, &block.maps->dy[map], full, of * of_dy + (part.row * Tile::RowBoxes + i) * 64, column, row, image, 0, 0);
            }

            box += Tile::RowBoxes * Tile::BoxBytes;

#pragma unroll 1
            for (int i = Tile::Blocks > 1 ? (step + block.rank) % Tile::Blocks : 0; i < Tile::AcrossBoxes; i += Tile::Blocks) {
                int tap = work.columns.tap(part.column, i, g.kernel_taps);
                // A box of no tap is filled with the zeros behind the last channel.
                int channel = tap < g.kernel_taps ? work.columns.channel(part.column, i) : Tile::Parts * of_x;
                int of_row = tap < g.kernel_taps ? tap / g.kernel_columns : 0, of_column = tap < g.kernel_taps ? tap - of_row * g.kernel_columns : 0;
                int x = column * g.columns.scale + left, y = row * g.rows.scale + top;
                auto right = static_cast<unsigned short>(cut_columns ? 0 : of_column * g.columns.step), down = static_cast<unsigned short>(cut_rows ? 0 : of_row * g.rows.step);
#pragma unroll 1
                for (int of = 0; of < Tile::Parts; of++) {
                    unsigned char* target = box + of * Tile::PartBytes + i * Tile::BoxBytes;
                    if constexpr (Tile::Blocks > 1) {
                        tma_multicast_im2col_4d(target, &block.maps->x[map], full, of * of_x + channel, x, y, image, right, down, Tile::AllBlocks);
                    } else {
                        tma_load_im2col_4d(target, &block.maps->x[map], full, of * of_x + channel, x, y, image, right, down);
                    }
                }
            }
        }
    });
    drain_ring<Tile::Blocks>(block.empty, place);
}

template <class Tile>
struct WgmmaWeightConsumer {
    static constexpr int Blocks = Tile::Blocks;

    const WgmmaWeight<Tile>& block;
    int consumer;
    RingPlace<Tile::Stages> place;

    // Waits for the next stage, begins its products, and returns which it was.
    __device__ __forceinline__ int multiply_stage(float (&sum)[Tile::Columns / 2])
    {
        int stage = place.stage;
        unsigned char* boxes = block.stage(stage);
        int row_box = Tile::RowBoxes == 2 ? consumer : 0, column_box = Tile::RowBoxes + (Tile::RowBoxes == 2 ? 0 : consumer * Tile::Boxes);
        unsigned long long a = wgmma_across(boxes + row_box * Tile::BoxBytes, Tile::BoxBytes), b = wgmma_across(boxes + column_box * Tile::BoxBytes, Tile::BoxBytes);
        mbarrier_wait(&block.full[stage], place.parity);
        place.advance();
        wgmma_fence();
#pragma unroll
        for (int product = 0; product < Tile::Split::Count; product++) {
            unsigned long long part_a = a + Tile::Split::a(product) * Tile::PartBytes / 16, part_b = b + Tile::Split::b(product) * Tile::PartBytes / 16;
#pragma unroll
            for (int k = 0; k < Tile::Positions / Tile::ProductPositions; k++) {
                wgmma_bf16_across<Tile::Columns>(sum, part_a + k * wgmma_across_step, part_b + k * wgmma_across_step);
            }
        }

        wgmma_commit();
        return stage;
    }
};

template <class Tile>
__device__ __forceinline__ void consume(const WgmmaWeight<Tile>& block, int number, float* dw, float* partial)
{
    constexpr int Groups = Tile::Columns / 8;
    WgmmaWeightConsumer<Tile> consumer{block, number, {}};
    WeightResult result{block.work, dw, block.work.g.source_channels % 4 == 0 && aligned_to_16(dw), Tile::RowBoxes, Tile::Columns};
    block.for_each_part([&](int number_of_block, const WeightPart& part) {
        float sum[Tile::Columns / 2];
#pragma unroll
        for (int r = 0; r < Tile::Columns / 2; r++) {
            sum[r] = 0.0f;
        }

        reduce_tile<Tile::Parts>(consumer, part.to - part.from, sum);
        bool whole = part.is_whole();
        float* to = partial + partial_place(partial_slot(number_of_block, part.from == 0), Groups, 0, number * Tile::Warpgroup + static_cast<int>(threadIdx.x) % Tile::Warpgroup);
        if (whole) {
#pragma unroll
            for (int group = 0; group < Groups; group++) {
                const float four[4] = {sum[4 * group], sum[4 * group + 1], sum[4 * group + 2], sum[4 * group + 3]};
                result.store(part, number, group, four);
            }
        } else {
#pragma unroll
            for (int group = 0; group < Groups; group++) {
                store_four<Tile::Parts>(to + 4 * 256 * group, sum, 4 * group);
            }
        }
    });
}

template <class Tile>
__device__ __forceinline__ void wgmma_wgrad(const ConvGather& g, const ConvRegions& taps, const WeightMaps& maps, int workers, int waves, float* dw, float* partial, Mbarrier* full,
    Mbarrier* empty, unsigned char* shared)
{
    if (threadIdx.x == 0) {
        tma_prefetch_map(&maps.x[0]);
        tma_prefetch_map(&maps.dy[0]);
        init_ring(full, empty, Tile::Stages, Tile::Blocks * Tile::Consumers * Tile::Warpgroup / 32);
    }

    __syncthreads();
    meet_others<Tile::Blocks>();
    int rank = Tile::Blocks > 1 ? static_cast<int>(cluster_rank()) : 0;
    unsigned char* ring = aligned_ring(shared);
    // The same in a warp, and the compiler shall know. What the roles count with is made by each, in registers of its own.
    int role = __shfl_sync(0xFFFFFFFFu, static_cast<int>(threadIdx.x) / Tile::Warpgroup, 0);
    if (role == 0) {
        setmaxnreg_decrease<88>();
        if (threadIdx.x == 0) {
            WeightSteps work(g, taps, workers, waves, Tile::ClusterRows, Tile::Across);
            produce(WgmmaWeight<Tile>{work, &maps, full, empty, ring, rank});
        }
    } else {
        setmaxnreg_increase<208>();
        WeightSteps work(g, taps, workers, waves, Tile::ClusterRows, Tile::Across);
        consume(WgmmaWeight<Tile>{work, &maps, full, empty, ring, rank}, role - 1, dw, partial);
    }

    meet_others<Tile::Blocks>();
}

// Sums the parts of a tile in the order of its steps. blockIdx.x counts the workers' ends: the first within a tile has it to do; blockIdx.y counts groups
// of columns, blockIdx.z the worker's blocks. 256 threads stand for the consumers'.
__device__ __forceinline__ void finish_weight_tile(
    const ConvGather& g, const ConvRegions& taps, int workers, int waves, int row_boxes, int columns, const float* partial, float* dw)
{
    int blocks = static_cast<int>(gridDim.z), rank = static_cast<int>(blockIdx.z);
    WeightSteps work(g, taps, workers, waves, blocks * 64 * row_boxes, row_boxes == 2 ? columns : 2 * columns);
    int before = static_cast<int>(blockIdx.x), groups = columns / 8, thread = static_cast<int>(threadIdx.x);
    long long end = work.first_of(before + 1);
    WeightPart part = work.from(end);
    if (part.from == 0 || work.first_of(before) > end - part.from) {
        return;
    }

    long long tile_end = end + part.steps - part.from;
    part.row = part.row * blocks + rank;
    WeightResult result{work, dw, g.source_channels % 4 == 0 && aligned_to_16(dw), row_boxes, columns};
    for (int group = static_cast<int>(blockIdx.y); group < groups; group += static_cast<int>(gridDim.y)) {
        Floats<4> sum = load_floats<4>(partial + partial_place(partial_slot(before * blocks + rank, true), groups, group, thread));
        for (int worker = before + 1; worker < workers && work.first_of(worker) < tile_end; worker++) {
            Floats<4> next = load_floats<4>(partial + partial_place(partial_slot(worker * blocks + rank, false), groups, group, thread));
#pragma unroll
            for (int k = 0; k < 4; k++) {
                sum.at[k] += next.at[k];
            }
        }

        result.store(part, thread / 128, group, sum.at);
    }
}

}  // namespace dk

#define DK_CONV2D_WGMMA_WGRAD(name, tile)                                                                                                           \
    extern "C" __global__ void __launch_bounds__(tile::Threads, 1) name(const __grid_constant__ dk::WeightMaps maps, float* __restrict__ dw,         \
        float* __restrict__ partial, int workers, int waves, const __grid_constant__ dk::ConvGather g, const __grid_constant__ dk::ConvRegions taps) \
    {                                                                                                                                               \
        DK_SHARED(dk::Mbarrier, full, tile::Stages);                                                                                                \
        DK_SHARED(dk::Mbarrier, empty, tile::Stages);                                                                                               \
        DK_DYNAMIC_SHARED(unsigned char, shared);                                                                                                   \
        dk::wgmma_wgrad<tile>(g, taps, maps, workers, waves, dw, partial, full, empty, shared);                                                            \
    }                                                                                                                                               \
    DK_KERNEL(name)
