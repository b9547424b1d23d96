// Named barriers: bar.sync and bar.arrive on one of a block's 16 barriers (0 is __syncthreads), for some of its warps.
//
//   named_barrier_sync(1, 64);     waits at barrier 1 until 64 threads have come, whether they wait or only arrive
//   named_barrier_arrive(1, 64);   counts this thread and goes on
//
// The number of threads is a multiple of 32 and the same for all who come.
#pragma once

#include "../dk/cuda.cuh"

#if !defined(__CUDACC__)
#include "../host/async_copy.h"
#endif

namespace dk {

#if defined(__CUDACC__)

__device__ __forceinline__ void named_barrier_sync(unsigned barrier, unsigned threads)
{
    asm volatile("bar.sync %0, %1;\n" ::"r"(barrier), "r"(threads) : "memory");
}

__device__ __forceinline__ void named_barrier_arrive(unsigned barrier, unsigned threads)
{
    asm volatile("bar.arrive %0, %1;\n" ::"r"(barrier), "r"(threads) : "memory");
}

#else

inline void named_barrier_sync(unsigned barrier, unsigned threads, std::source_location where = std::source_location::current())
{
    host::synchronize_named(barrier, threads, where);
}

inline void named_barrier_arrive(unsigned barrier, unsigned threads, std::source_location where = std::source_location::current())
{
    host::arrive_named(barrier, threads, where);
}

#endif

}  // namespace dk
