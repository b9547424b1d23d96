// What Hopper's consumers of a ring of stages have in common: Consumer::multiply_stage(sum) waits for the next stage, begins its products, and returns which it was.
#pragma once

#include "../ptx/mbarrier.cuh"
#include "../ptx/wgmma.cuh"

namespace dk {

// For all blocks that bring something to it, by a lane each.
template <class Consumer>
__device__ __forceinline__ void free_stage(const Consumer& consumer, int stage)
{
    unsigned lane = threadIdx.x % 32;
    if constexpr (Consumer::Blocks > 1) {
        if (lane < Consumer::Blocks) {
            mbarrier_arrive_at(&consumer.block.empty[stage], lane);
        }
    } else if (lane == 0) {
        mbarrier_arrive(&consumer.block.empty[stage]);
    }
}

// Adds a tile's steps, of which there is at least one, two groups of products on their way at a time.
template <class Consumer, int Registers>
__device__ __forceinline__ void reduce_stages(Consumer& consumer, int steps, float (&sum)[Registers])
{
    wgmma_hold(sum);
    // Before the loop and not in it, so that the loop begins as every turn of it does: ptxas would let every product wait for the one before (C7515).
    int running = consumer.multiply_stage(sum);
#pragma unroll 1
    for (int step = 1; step < steps; step++) {
        int before = running;
        running = consumer.multiply_stage(sum);
        wgmma_wait<1>();
        free_stage(consumer, before);
    }

    wgmma_wait(sum);
    free_stage(consumer, running);
}

// As that, but each stage is summed by itself and added to the whole by the threads. A sum in the tensor cores loses what lies below its last bit with every product,
// always towards zero; over the thousands of products of a convolution that is many times the error of float32.
template <class Consumer, int Registers>
__device__ __forceinline__ void promote_stages(Consumer& consumer, int steps, float (&whole)[Registers])
{
#pragma unroll 1
    for (int step = 0; step < steps; step++) {
        float sum[Registers];
#pragma unroll
        for (int r = 0; r < Registers; r++) {
            sum[r] = 0.0f;
        }

        wgmma_hold(sum);
        int stage = consumer.multiply_stage(sum);
        wgmma_wait(sum);
        free_stage(consumer, stage);
#pragma unroll
        for (int r = 0; r < Registers; r++) {
            whole[r] += sum[r];
        }
    }
}

// Operands of three parts are to be as exact as float32, which sums of thousands of products that stay in the tensor cores are not. Those of two are to be closer than TF32,
// which the host sees to: it ends such sums after some steps (Conv2dWgmmaWeightPlan.MostStepsOfHalves).
__host__ __device__ constexpr bool sums_are_promoted(int parts) { return parts == 3; }

// The steps of a tile whose operands have so many parts.
template <int Parts, class Consumer, int Registers>
__device__ __forceinline__ void reduce_tile(Consumer& consumer, int steps, float (&sum)[Registers])
{
    if constexpr (sums_are_promoted(Parts)) {
        promote_stages(consumer, steps, sum);
    } else {
        reduce_stages(consumer, steps, sum);
    }
}

}  // namespace dk
