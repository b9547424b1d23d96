// One small kernel for each part of the language that the host runtime has a twin of.
#include "dk/cuda.cuh"

constexpr unsigned AllLanes = 0xFFFFFFFFu;

// Where each thread is: y[global linear thread] = the packed coordinates, one decimal digit each.
extern "C" __global__ void coordinates(int* y)
{
    unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    unsigned digits[6] = {blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z};
    int packed = 0;
    for (unsigned digit : digits) {
        packed = packed * 10 + static_cast<int>(digit);
    }

    y[block * blockDim.x * blockDim.y * blockDim.z + thread] = packed;
}
DK_KERNEL(coordinates);

// Row r of y (32 wide) is the r-th shuffle of the lane numbers.
extern "C" __global__ void shuffles(int* y)
{
    int lane = threadIdx.x;
    y[lane] = __shfl_sync(AllLanes, lane, 5);
    y[32 + lane] = __shfl_sync(AllLanes, lane, lane + 3, 8);
    y[64 + lane] = __shfl_up_sync(AllLanes, lane, 3);
    y[96 + lane] = __shfl_up_sync(AllLanes, lane, 3, 16);
    y[128 + lane] = __shfl_down_sync(AllLanes, lane, 3);
    y[160 + lane] = __shfl_down_sync(AllLanes, lane, 3, 16);
    y[192 + lane] = __shfl_xor_sync(AllLanes, lane, 6);
    y[224 + lane] = __shfl_xor_sync(AllLanes, lane, 12, 8);
    y[256 + lane] = static_cast<int>(__shfl_xor_sync(AllLanes, static_cast<long long>(lane) << 40, 1) >> 40);
}
DK_KERNEL(shuffles);

// The two halves of a warp vote each for itself.
extern "C" __global__ void votes(unsigned* y)
{
    int lane = threadIdx.x;
    unsigned mask = lane < 16 ? 0x0000FFFFu : 0xFFFF0000u;
    y[lane] = __ballot_sync(mask, lane % 3 == 0);
    y[32 + lane] = static_cast<unsigned>(__any_sync(mask, lane == 20));
    y[64 + lane] = static_cast<unsigned>(__all_sync(mask, lane >= 16));
    y[96 + lane] = static_cast<unsigned>(__syncthreads_count(lane % 5 == 0));
}
DK_KERNEL(votes);

// bits[i] = the bfloat16 of x[i], back[i] = that as float32 again.
extern "C" __global__ void round_to_bfloat16(const float* x, int* bits, float* back, int count)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) {
        __nv_bfloat16 v = __float2bfloat16(x[i]);
        bits[i] = __bfloat16_as_ushort(v);
        back[i] = __bfloat162float(v);
    }
}
DK_KERNEL(round_to_bfloat16);

extern "C" __global__ void atomics(int* sum, unsigned* largest, unsigned long long* smallest, int* taken)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    atomicAdd(sum, i);
    atomicMax(largest, static_cast<unsigned>(i));
    atomicMin(smallest, static_cast<unsigned long long>(i + 7));
    // Each thread takes its own ticket.
    int ticket = atomicAdd(&taken[0], 1);
    atomicCAS(&taken[1 + ticket], 0, 1);
}
DK_KERNEL(atomics);

// Stops where a thread asks for it.
extern "C" __global__ void trap_at(int thread)
{
    if (static_cast<int>(threadIdx.x) == thread) {
        __trap();
    }
}
DK_KERNEL(trap_at);

extern "C" __global__ void copy(const float* x, float* y, long long count)
{
    long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < count) {
        y[i] = x[i];
    }
}
DK_KERNEL(copy);

extern "C" __global__ void large_shared_array(float* y)
{
    DK_SHARED(float, first, 8 * 1024);
    DK_SHARED(float, second, 8 * 1024);
    first[threadIdx.x] = second[threadIdx.x] = 1.0f;
    y[threadIdx.x] = first[threadIdx.x] + second[threadIdx.x];
}
DK_KERNEL(large_shared_array);
