// A ring of stages in shared memory between the copy engine and warpgroups that multiply, as Hopper's convolutions have it.
//
//   full[s]      one arrival, which announces the stage's bytes; over when they have landed
//   empty[s]     an arrival a consumer warp; over when all have left the stage
//
// The blocks of a cluster go through their rings in step where they bring each other parts of the stages (multicast): a stage is empty when the consumers of all
// blocks have left it, each in its own block.
#pragma once

#include "../ptx/cluster.cuh"
#include "../ptx/mbarrier.cuh"

namespace dk {

// The swizzle repeats within 1024 bytes, to which the launch's memory need not be aligned. A block may have 227 KB, barriers included.
inline constexpr int ring_alignment = 1024, most_ring_bytes = 227 * 1024 - 256, most_ring_stages = 8;

constexpr int ring_stages(int stage_bytes)
{
    int most = (most_ring_bytes - ring_alignment) / stage_bytes;
    return most < most_ring_stages ? most : most_ring_stages;
}

__device__ __forceinline__ unsigned char* aligned_ring(unsigned char* shared)
{
    return shared + (ring_alignment - shared_address(shared) % ring_alignment) % ring_alignment;
}

// By one thread; the block, or the cluster, meets afterwards. The warps are those of all its blocks.
__device__ __forceinline__ void init_ring(Mbarrier* full, Mbarrier* empty, int stages, int consumer_warps)
{
    for (int s = 0; s < stages; s++) {
        mbarrier_init(&full[s], 1);
        mbarrier_init(&empty[s], static_cast<unsigned>(consumer_warps));
    }

    mbarrier_fence_init();
}

// Before the first use of the rings of so many blocks, and after the last: others may still arrive at this block's, or write into it.
template <int Blocks>
__device__ __forceinline__ void meet_others()
{
    if constexpr (Blocks > 1) {
        cluster_meet();
    }
}

// Where a thread is in the ring: parity is that of the phase in which the stage is filled for it.
template <int Stages>
struct RingPlace {
    int stage = 0;
    unsigned parity = 0;

    __device__ __forceinline__ void advance()
    {
        if (++stage == Stages) {
            stage = 0;
            parity ^= 1;
        }
    }
};

// By a producer at its end, from the place it would fill next: where other blocks arrive at this one's barriers, none does so any more when it is gone.
template <int Blocks, int Stages>
__device__ __forceinline__ void drain_ring(Mbarrier* empty, RingPlace<Stages> place)
{
    if constexpr (Blocks > 1) {
#pragma unroll 1
        for (int s = 0; s < Stages; s++, place.advance()) {
            mbarrier_wait(&empty[place.stage], place.parity ^ 1);
        }
    }
}

}  // namespace dk
