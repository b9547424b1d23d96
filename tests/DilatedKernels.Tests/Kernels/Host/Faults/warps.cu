// Warp operations with the wrong lanes; blocks of one warp.
#include "reversal.cuh"

constexpr unsigned AllLanes = 0xFFFFFFFFu;

// Half of the lanes call with a mask that does not name them.
REVERSAL(mask_lacks_caller_faulty) { y[threadIdx.x] = __shfl_sync(0x0000FFFFu, x[threadIdx.x], n - 1 - threadIdx.x); }
REVERSAL(mask_lacks_caller_correct) { y[threadIdx.x] = __shfl_sync(AllLanes, x[threadIdx.x], n - 1 - threadIdx.x); }
DK_KERNEL(mask_lacks_caller_faulty);
DK_KERNEL(mask_lacks_caller_correct);

// The mask names lanes that took the other branch.
REVERSAL(absent_lane_faulty)
{
    int lane = threadIdx.x;
    if (lane < 24) {
        y[lane] = __shfl_xor_sync(AllLanes, x[lane], 31);
    } else {
        y[lane] = x[n - 1 - lane];
    }
}

REVERSAL(absent_lane_correct)
{
    int lane = threadIdx.x;
    float mirrored = __shfl_xor_sync(AllLanes, x[lane], 31);
    y[lane] = lane < 24 ? mirrored : x[n - 1 - lane];
}

DK_KERNEL(absent_lane_faulty);
DK_KERNEL(absent_lane_correct);

// One mask, two different operations.
REVERSAL(mixed_operations_faulty)
{
    int lane = threadIdx.x;
    float v = lane % 2 == 0 ? __shfl_xor_sync(AllLanes, x[lane], 31) : __shfl_sync(AllLanes, x[lane], n - 1 - lane);
    y[lane] = v;
}

REVERSAL(mixed_operations_correct)
{
    int lane = threadIdx.x;
    unsigned even = 0x55555555u, mine = lane % 2 == 0 ? even : ~even;
    // Reversing 32 lanes swaps even and odd ones, so each half fetches from itself in two steps.
    float neighbour = __shfl_xor_sync(AllLanes, x[lane], 1);
    y[lane] = __shfl_sync(mine, neighbour, n - 1 - (lane ^ 1));
}

DK_KERNEL(mixed_operations_faulty);
DK_KERNEL(mixed_operations_correct);

// A value taken from a lane that the mask leaves out is undefined: a NaN here.
REVERSAL(source_outside_mask_faulty)
{
    int lane = threadIdx.x;
    if (lane < 16) {
        y[lane] = __shfl_sync(0x0000FFFFu, x[lane], n - 1 - lane);
    } else {
        y[lane] = x[n - 1 - lane];
    }
}

REVERSAL(source_outside_mask_correct)
{
    int lane = threadIdx.x;
    float mirrored = __shfl_sync(AllLanes, x[lane], n - 1 - lane);
    y[lane] = lane < 16 ? mirrored : x[n - 1 - lane];
}

DK_KERNEL(source_outside_mask_faulty);
DK_KERNEL(source_outside_mask_correct);

template <bool Faulty>
__device__ void missing_syncwarp(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int lane = threadIdx.x;
    tile[lane] = x[lane];
    if constexpr (!Faulty) {
        __syncwarp();
    }

    y[lane] = tile[n - 1 - lane];
}

REVERSAL(missing_syncwarp_faulty) { missing_syncwarp<true>(x, y, n); }
REVERSAL(missing_syncwarp_correct) { missing_syncwarp<false>(x, y, n); }
DK_KERNEL(missing_syncwarp_faulty);
DK_KERNEL(missing_syncwarp_correct);
