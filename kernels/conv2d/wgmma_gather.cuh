// Forward and data gradient on Hopper's tensor cores: rows are positions, columns are result channels, and the reduction runs over taps and blocks
// of source channels, 128 bytes of them: 64 of bfloat16, or 32 of float32. The copy engine gathers: a tap is an offset of its im2col loads, whatever the dilation, and zeros come for what lies outside.
//
//   block        a producer and two consumers, warpgroups of 128 threads; it takes tiles until none is left
//   ring         stages in shared memory, each one step: 128 positions x 128 bytes of the source, and tile columns x 128 bytes of the weights
//   producer     one thread orders the copies, as far ahead as the ring is long, also into the next tile
//   consumers    64 positions each: wait for a stage, four products of 32 bytes, free the stage before it, and at the end store
//
// The rectangles that the positions are cut into (geometry.cuh) have tensor maps of their own, of what each reads and no more.
//
// Blocks can come in clusters that take tiles of the same channels and neighbouring positions, in step. Then each brings a part of the weights to all of them:
//
//   cluster      block 0: positions p to p + 127       block 1: p + 128 to p + 255; where a rectangle has no such positions, zeros come and nothing is stored
//   a stage      its own positions of the source, and the first half of the weights from block 0, the second from block 1
//
// The source's pixels and the weights' rows are padded with zero channels to whole granules of 16 bytes, as for sm_80 (mma_gather.cuh), and of 32 in parts. In the axes of g
// steps are positive: the host turns the taps of the data gradient round (Conv2dAxis.Ascending).
//
// float32 comes as it is, to be multiplied as TF32, to which the copy engine rounds it: the tensor maps' type says so. Or it comes in three parts of bfloat16
// (split_products.cuh), one behind the other in a pixel and in a row of the weights. A stage has all parts of both operands then, and its sum is added to the tile's by
// the threads (promote_stages).
#pragma once

#include <type_traits>

#include "../pointwise/vectorized.cuh"
#include "../ptx/tma.cuh"
#include "../ptx/wgmma.cuh"
#include "gather_result.cuh"
#include "geometry.cuh"
#include "mma_tile.cuh"
#include "ring.cuh"
#include "split_products.cuh"
#include "wgmma_consumer.cuh"

namespace dk {

// What a tile multiplies, and the element of activations, mask and result.
template <int Parts_>
struct Bf16Parts {
    using Element = std::conditional_t<Parts_ == 1, __nv_bfloat16, float>;

    static constexpr int Parts = Parts_, ElementBytes = 2;

    template <int Columns>
    __device__ static __forceinline__ void multiply(float (&sum)[Columns / 2], unsigned long long a, unsigned long long b)
    {
        wgmma_bf16<Columns>(sum, a, b);
    }
};

struct Tf32 {
    using Element = float;

    static constexpr int Parts = 1, ElementBytes = 4;

    template <int Columns>
    __device__ static __forceinline__ void multiply(float (&sum)[Columns / 2], unsigned long long a, unsigned long long b)
    {
        wgmma_tf32<Columns>(sum, a, b);
    }
};

// Blocks: those of a cluster.
template <class Operand_, int Columns_, int Blocks_ = 1>
struct WgmmaTile {
    using Operand = Operand_;
    using Element = typename Operand::Element;
    using Split = SplitProducts<Operand::Parts>;

    static constexpr int Parts = Operand::Parts;
    static constexpr int Rows = 128, Columns = Columns_, Blocks = Blocks_, ClusterRows = Blocks * Rows;
    static constexpr int Consumers = 2, ConsumerRows = Rows / Consumers, Warpgroup = 128, Threads = (1 + Consumers) * Warpgroup;

    // Of a step, and of a product within it.
    static constexpr int RowBytes = 128, Channels = RowBytes / Operand::ElementBytes, ProductChannels = 32 / Operand::ElementBytes;
    static constexpr int SourceBytes = Rows * RowBytes, WeightBytes = Columns * RowBytes, StageBytes = Parts * (SourceBytes + WeightBytes);

    // Rows of the weights that a block brings, the last one what is left: whole eights, within which the swizzle repeats.
    static constexpr int PartRows = (Columns / 8 + Blocks - 1) / Blocks * 8;
    static constexpr unsigned short AllBlocks = (1 << Blocks) - 1;

    static constexpr int Stages = ring_stages(StageBytes);

    static_assert(Columns % 8 == 0 && Columns <= 256, "what wgmma multiplies and a box holds");
};

// Of the rectangles, columns' pieces fastest.
struct SourceMaps {
    static constexpr int Most = 9;

    TensorMap at[Most];
};

// For loads of each block's part.
template <int Blocks>
struct WeightParts {
    TensorMap at[Blocks];
};

// What all threads of a block share.
template <class Tile>
struct WgmmaGather {
    const ConvGather& g;
    const ConvRegions& regions;
    const SourceMaps* source;
    const WeightParts<Tile::Blocks>* weight;
    Mbarrier* full;
    Mbarrier* empty;
    unsigned char* ring;
    int across;  // tiles
    int tiles;   // of the cluster
    int blocks;  // of channels
    int rank;    // in the cluster

    // A cluster takes the tile of its number, and every clusters()-th after it.
    __device__ __forceinline__ int first_tile() const { return static_cast<int>(blockIdx.x) / Tile::Blocks; }
    __device__ __forceinline__ int clusters() const { return static_cast<int>(gridDim.x) / Tile::Blocks; }

    __device__ __forceinline__ int first_channel(int tile) const { return tile % across * Tile::Columns; }
    __device__ __forceinline__ unsigned char* stage(int index) const { return ring + index * Tile::StageBytes; }

    __device__ __forceinline__ ConvRegion region(int tile, int& first_position) const
    {
        int in_region = tile / across;
        ConvRegion region = find_region(g.batch, regions, Tile::ClusterRows, in_region);
        first_position = in_region * Tile::ClusterRows + rank * Tile::Rows;
        return region;
    }
};

template <class Tile>
__device__ __forceinline__ void produce(const WgmmaGather<Tile>& block)
{
    const ConvGather& g = block.g;
    int of_part = part_channels(g.source_channels);
    // The map of a piece begins where it reads; that of a whole axis, at the source's first pixel.
    int top = block.regions.rows.count > 1 ? 0 : g.rows.shift, left = block.regions.columns.count > 1 ? 0 : g.columns.shift;
    RingPlace<Tile::Stages> place;
#pragma unroll 1
    for (int tile = block.first_tile(); tile < block.tiles; tile += block.clusters()) {
        int position;
        ConvRegion region = block.region(tile, position);
        const ConvPiece& rows = block.regions.rows.at[region.row];
        const ConvPiece& columns = block.regions.columns.at[region.column];
        // An axis of one piece that lacks taps has the whole axis's map.
        int first_row = block.regions.rows.count > 1 ? 0 : rows.first_tap, first_column = block.regions.columns.count > 1 ? 0 : columns.first_tap;
        const TensorMap* source = &block.source->at[region.row * block.regions.columns.count + region.column];
        int line = position / columns.count, image = line / rows.count, channel = block.first_channel(tile);
        int row = (line - image * rows.count) * g.rows.scale + top, column = (position - line * columns.count) * g.columns.scale + left;
        for (int tap_row = 0; tap_row < rows.taps; tap_row++) {
            for (int tap_column = 0; tap_column < columns.taps; tap_column++) {
                auto down = static_cast<unsigned short>((first_row + tap_row) * g.rows.step);
                auto right = static_cast<unsigned short>((first_column + tap_column) * g.columns.step);
                int tap = (g.rows.first_tap + (rows.first_tap + tap_row) * g.rows.tap_step) * g.kernel_columns + g.columns.first_tap
                    + (columns.first_tap + tap_column) * g.columns.tap_step;
                for (int of = 0; of < block.blocks; of++, place.advance()) {
                    unsigned char* stage = block.stage(place.stage);
                    mbarrier_wait(&block.empty[place.stage], place.parity ^ 1);
                    mbarrier_arrive_expect_tx(&block.full[place.stage], Tile::StageBytes);
                    unsigned char* weights = stage + Tile::Parts * Tile::SourceBytes;
#pragma unroll
                    for (int part = 0; part < Tile::Parts; part++) {
                        int from = part * of_part + of * Tile::Channels;
                        tma_load_im2col_4d(stage + part * Tile::SourceBytes, source, &block.full[place.stage], from, column, row, image, right, down);
                        if constexpr (Tile::Blocks > 1) {
                            tma_multicast_3d(weights + part * Tile::WeightBytes + block.rank * Tile::PartRows * Tile::RowBytes, &block.weight->at[block.rank],
                                &block.full[place.stage], from, tap, channel + block.rank * Tile::PartRows, Tile::AllBlocks);
                        } else {
                            tma_load_3d(weights + part * Tile::WeightBytes, &block.weight->at[0], &block.full[place.stage], from, tap, channel);
                        }
                    }
                }
            }
        }
    }

    drain_ring<Tile::Blocks>(block.empty, place);
}

template <class Tile>
__device__ __forceinline__ void start_from(const float* bias, int first_channel, int channels, float (&sum)[Tile::Columns / 2])
{
    int thread = static_cast<int>(threadIdx.x) % Tile::Warpgroup;
#pragma unroll
    for (int r = 0; r < Tile::Columns / 2; r++) {
        int channel = first_channel + wgmma_column(thread, r);
        // The two rows of a thread have the same columns.
        sum[r] = r % 4 >= 2 ? sum[r - 2] : bias && channel < channels ? bias[channel] : 0.0f;
    }
}

// A quad of lanes has four granules of a row, and exchanges words so that each lane stores one.
template <class Tile>
__device__ __forceinline__ void store_sums(const GatherResult<__nv_bfloat16>& to, const float (&sum)[Tile::Columns / 2], int first_position, int first_channel, bool relu)
{
    constexpr int Granules = Tile::Columns / 8;
    int thread = static_cast<int>(threadIdx.x) % Tile::Warpgroup, quad_lane = thread % 4, count = positions(to.g);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int position = first_position + wgmma_row(thread, 2 * half);
        bool inside = position < count;
        long long pixel = inside ? to.pixel(position) : 0;
#pragma unroll
        for (int first = 0; first < Granules; first += 4) {
            unsigned words[4];
#pragma unroll
            for (int j = 0; j < 4; j++) {
                int r = 4 * (first + j) + 2 * half;
                words[j] = first + j < Granules ? bf16_pair(through(relu, sum[first + j < Granules ? r : 0]), through(relu, sum[first + j < Granules ? r + 1 : 0])) : 0;
            }

            transpose_quad(words);
            if (inside && first + quad_lane < Granules) {
                to.store(pixel, first_channel + 8 * (first + quad_lane), make_uint4(words[0], words[1], words[2], words[3]));
            }
        }
    }
}

// Lanes exchange their pairs of columns, so that each stores 16 bytes.
template <class Tile>
__device__ __forceinline__ void store_sums(const GatherResult<float>& to, const float (&sum)[Tile::Columns / 2], int first_position, int first_channel, bool relu)
{
    int thread = static_cast<int>(threadIdx.x) % Tile::Warpgroup, lane = thread % 32;
    int position = first_position + thread / 32 * 16 + lane / 4 + 8 * (lane % 2);
    bool inside = position < positions(to.g);
    long long pixel = inside ? to.pixel(position) : 0;
#pragma unroll
    for (int group = 0; group < Tile::Columns / 8; group++) {
        const float pairs[4] = {sum[4 * group], sum[4 * group + 1], sum[4 * group + 2], sum[4 * group + 3]};
        float4 v = four_columns(pairs);
        if (inside) {
            to.store(pixel, first_channel + 8 * group + lane / 2 % 2 * 4,
                make_uint4(__float_as_uint(through(relu, v.x)), __float_as_uint(through(relu, v.y)), __float_as_uint(through(relu, v.z)), __float_as_uint(through(relu, v.w))));
        }
    }
}

// One group of products. Nothing branches within it: ptxas would let every product wait for the one before (its remark C7515).
template <class Tile, int Products>
__device__ __forceinline__ void multiply(float (&sum)[Tile::Columns / 2], unsigned long long a, unsigned long long b)
{
    wgmma_fence();
#pragma unroll
    for (int product = 0; product < Tile::Split::Count; product++) {
        unsigned long long part_a = a + Tile::Split::a(product) * Tile::SourceBytes / 16, part_b = b + Tile::Split::b(product) * Tile::WeightBytes / 16;
#pragma unroll
        for (int k = 0; k < Products; k++) {
            Tile::Operand::template multiply<Tile::Columns>(sum, part_a + k * wgmma_step, part_b + k * wgmma_step);
        }
    }

    wgmma_commit();
}

// A consumer's way through the ring.
template <class Tile>
struct WgmmaConsumer {
    static constexpr int MostProducts = Tile::Channels / Tile::ProductChannels, Blocks = Tile::Blocks;
    static_assert(MostProducts == 4, "multiply_stage names them all");

    const WgmmaGather<Tile>& block;
    int consumer;
    int last_products;  // of a tap's last block of channels
    int of = 0;         // the block of channels
    RingPlace<Tile::Stages> place;

    __device__ __forceinline__ WgmmaConsumer(const WgmmaGather<Tile>& block, int consumer)
        : block(block), consumer(consumer),
          last_products((block.g.source_channels - (block.blocks - 1) * Tile::Channels + Tile::ProductChannels - 1) / Tile::ProductChannels)
    {
    }

    // Waits for the next stage, begins its products, and returns which it was.
    __device__ __forceinline__ int multiply_stage(float (&sum)[Tile::Columns / 2])
    {
        int stage = place.stage;
        unsigned char* tile = block.stage(stage);
        unsigned long long a = wgmma_operand(tile + consumer * Tile::ConsumerRows * Tile::RowBytes), b = wgmma_operand(tile + Tile::Parts * Tile::SourceBytes);
        bool last = ++of == block.blocks;
        of = last ? 0 : of;
        int products = last ? last_products : MostProducts;
        mbarrier_wait(&block.full[stage], place.parity);
        place.advance();
        if (products == 4) {
            multiply<Tile, 4>(sum, a, b);
        } else if (products == 3) {
            multiply<Tile, 3>(sum, a, b);
        } else if (products == 2) {
            multiply<Tile, 2>(sum, a, b);
        } else {
            multiply<Tile, 1>(sum, a, b);
        }

        return stage;
    }
};

template <class Tile>
__device__ __forceinline__ void consume(
    const WgmmaGather<Tile>& block, int number, const float* bias, const typename Tile::Element* mask, bool relu, typename Tile::Element* result)
{
    using Result = GatherResult<typename Tile::Element>;
    bool whole_granules = block.g.result_channels % Result::PerGranule == 0 && aligned_to_16(result, mask);
    WgmmaConsumer<Tile> consumer(block, number);
#pragma unroll 1
    for (int tile = block.first_tile(); tile < block.tiles; tile += block.clusters()) {
        int position, channel = block.first_channel(tile);
        ConvRegion region = block.region(tile, position);
        float sum[Tile::Columns / 2];
        start_from<Tile>(bias, channel, block.g.result_channels, sum);
        reduce_tile<Tile::Parts>(consumer, block.regions.rows.at[region.row].taps * block.regions.columns.at[region.column].taps * block.blocks, sum);
        const ConvGather g = restricted(block.g, block.regions, region);
        store_sums<Tile>(Result{g, result, mask, whole_granules}, sum, position + number * Tile::ConsumerRows, channel, relu);
    }
}

template <class Tile>
__device__ __forceinline__ void wgmma_gather(const ConvGather& g, const ConvRegions& regions, const SourceMaps& source, const WeightParts<Tile::Blocks>& weight, const float* bias,
    const typename Tile::Element* mask, bool relu, typename Tile::Element* result, Mbarrier* full, Mbarrier* empty, unsigned char* shared)
{
    if (threadIdx.x == 0) {
        tma_prefetch_map(&source.at[0]);
        tma_prefetch_map(&weight.at[0]);
        init_ring(full, empty, Tile::Stages, Tile::Blocks * Tile::Consumers * Tile::Warpgroup / 32);
    }

    __syncthreads();
    meet_others<Tile::Blocks>();
    int across = (g.result_channels + Tile::Columns - 1) / Tile::Columns;
    WgmmaGather<Tile> block{g, regions, &source, &weight, full, empty, aligned_ring(shared), across, count_tiles(g.batch, regions, Tile::ClusterRows) * across,
        (g.source_channels + Tile::Channels - 1) / Tile::Channels, Tile::Blocks > 1 ? static_cast<int>(cluster_rank()) : 0};

    // The same in a warp, and the compiler shall know.
    int role = __shfl_sync(0xFFFFFFFFu, static_cast<int>(threadIdx.x) / Tile::Warpgroup, 0);
    if (role == 0) {
        setmaxnreg_decrease<40>();
        if (threadIdx.x == 0) {
            produce(block);
        }
    } else {
        setmaxnreg_increase<232>();
        consume(block, role - 1, bias, mask, relu, result);
    }

    meet_others<Tile::Blocks>();
}

}  // namespace dk

#define DK_CONV2D_WGMMA_GATHER(name, tile)                                                                                                          \
    extern "C" __global__ void __launch_bounds__(tile::Threads, 1) name(const __grid_constant__ dk::SourceMaps source,                              \
        const __grid_constant__ dk::WeightParts<tile::Blocks> weight, const float* __restrict__ bias, const tile::Element* __restrict__ mask, int relu,             \
        tile::Element* __restrict__ result, const __grid_constant__ dk::ConvGather g, const __grid_constant__ dk::ConvRegions regions)              \
    {                                                                                                                                               \
        DK_SHARED(dk::Mbarrier, full, tile::Stages);                                                                                                \
        DK_SHARED(dk::Mbarrier, empty, tile::Stages);                                                                                               \
        DK_DYNAMIC_SHARED(unsigned char, shared);                                                                                                   \
        dk::wgmma_gather<tile>(g, regions, source, weight, bias, mask, relu != 0, result, full, empty, shared);                                     \
    }                                                                                                                                               \
    DK_KERNEL(name)
