// A ring that two blocks of a cluster feed for each other, used wrongly. Every block has one warp that brings half of each step's box of 8 rows of 32 floats to both,
// and one that adds up the rows of all boxes: y has 32 sums a block.
#include "ptx/cluster.cuh"
#include "ptx/tma.cuh"

enum class Fault {
    None, OwnMask, MaskBeyond, NoMask, NoRemoteArrive, OwnConsumersOnly, NoEnd, NoStart, NoFence, OneBlockEnds, ArrivesTwice, WaitsOnly, RankBeyond
};

template <Fault Kind>
__device__ void sum_boxes(const dk::TensorMap& map, float* y, int steps)
{
    constexpr unsigned Stages = 2, Half = 4 * 32 * sizeof(float);
    DK_SHARED(dk::Mbarrier, full, Stages);
    DK_SHARED(dk::Mbarrier, empty, Stages);
    DK_DYNAMIC_SHARED(unsigned char, shared);
    unsigned char* ring = shared + (128 - dk::shared_address(shared) % 128) % 128;
    unsigned rank = dk::cluster_rank(), lane = threadIdx.x % 32;
    constexpr bool Alone = Kind == Fault::OwnConsumersOnly;
    if (threadIdx.x == 0) {
        for (unsigned s = 0; s < Stages; s++) {
            dk::mbarrier_init(&full[s], 1);
            dk::mbarrier_init(&empty[s], Alone ? 1 : 2);
        }

        if constexpr (Kind != Fault::NoFence) {
            dk::mbarrier_fence_init();
        }
    }

    if constexpr (Kind == Fault::NoStart) {
        __syncthreads();
    } else {
        dk::cluster_sync();
    }

    if (threadIdx.x == 0) {
        unsigned short blocks = Kind == Fault::OwnMask ? 1 << rank : Kind == Fault::MaskBeyond ? 7 : Kind == Fault::NoMask ? 0 : 3;
        for (int step = 0; step < steps; step++) {
            unsigned s = step % Stages, parity = step / Stages % 2;
            dk::mbarrier_wait(&empty[s], parity ^ 1);
            dk::mbarrier_arrive_expect_tx(&full[s], 2 * Half);
            dk::tma_multicast_3d(ring + (2 * s + rank) * Half, &map, &full[s], 0, 4 * static_cast<int>(rank), step, blocks);
        }
    } else if (threadIdx.x >= 32) {
        float sum = 0;
        for (int step = 0; step < steps; step++) {
            unsigned s = step % Stages, parity = step / Stages % 2;
            dk::mbarrier_wait(&full[s], parity);
            for (int row = 0; row < 8; row++) {
                sum += reinterpret_cast<const float*>(ring + 2 * s * Half)[32 * row + lane];
            }

            __syncwarp();
            if (lane < (Alone || Kind == Fault::NoRemoteArrive ? 1 : 2)) {
                dk::mbarrier_arrive_at(&empty[s], Alone || Kind == Fault::NoRemoteArrive ? rank : Kind == Fault::RankBeyond ? 2 : lane);
            }
        }

        y[32 * blockIdx.x + lane] = sum;
    }

    if constexpr (Kind == Fault::ArrivesTwice) {
        dk::cluster_arrive();
    }

    if constexpr (Kind == Fault::WaitsOnly) {
        dk::cluster_wait();
    }

    if constexpr (Kind == Fault::OneBlockEnds) {
        if (rank == 1) {
            return;
        }
    }

    if constexpr (Kind != Fault::NoEnd) {
        dk::cluster_sync();
    }
}

#define SUM(name, kind)                                                                                          \
    extern "C" __global__ void cluster_sum_##name(const __grid_constant__ dk::TensorMap map, float* y, int steps) \
    {                                                                                                            \
        sum_boxes<Fault::kind>(map, y, steps);                                                                   \
    }                                                                                                            \
    DK_KERNEL(cluster_sum_##name)

SUM(correct, None);
SUM(own_mask, OwnMask);
SUM(mask_beyond, MaskBeyond);
SUM(no_mask, NoMask);
SUM(no_remote_arrive, NoRemoteArrive);
SUM(own_consumers_only, OwnConsumersOnly);
SUM(no_end, NoEnd);
SUM(no_start, NoStart);
SUM(no_fence, NoFence);
SUM(one_block_ends, OneBlockEnds);
SUM(arrives_twice, ArrivesTwice);
SUM(waits_only, WaitsOnly);
SUM(rank_beyond, RankBeyond);

// What a block reads from the other's memory, with something wrong at one of the barriers.
template <int Missing>
__device__ void swap(const float* x, float* y)
{
    DK_SHARED(float, values, 64);
    unsigned i = threadIdx.x, place = blockIdx.x * 64 + i;
    values[i] = x[place];
    if constexpr (Missing != 1) {
        dk::cluster_sync();
    } else {
        __syncthreads();
    }

    float read = dk::cluster_shared(values, dk::cluster_rank() ^ 1)[i + (Missing == 3 ? 1 : 0)];
    if constexpr (Missing != 2) {
        dk::cluster_sync();
    }

    values[i] = read + 1;
    y[place] = values[i];
    dk::cluster_sync();
}

#define SWAP(name, missing)                                                        \
    extern "C" __global__ void cluster_swap_##name(const float* x, float* y)      \
    {                                                                              \
        swap<missing>(x, y);                                                       \
    }                                                                              \
    DK_KERNEL(cluster_swap_##name)

SWAP(correct, 0);
SWAP(before_start, 1);
SWAP(race, 2);
SWAP(beyond_array, 3);

extern "C" __global__ void cluster_map_beyond(const float*, float* y)
{
    DK_SHARED(float, values, 64);
    values[threadIdx.x] = 0;
    y[threadIdx.x] = *dk::cluster_shared(values, 2);
}
DK_KERNEL(cluster_map_beyond);
