// Thread-block clusters (sm_90): blocks that run at the same time on neighbouring multiprocessors and reach each other's shared memory. A launch attribute
// groups the grid's blocks; without it a block is a cluster of its own.
//
//   cluster_rank(), cluster_size()       this block's number in its cluster, and how many there are
//   cluster_arrive(); cluster_wait();    the cluster's barrier in two halves: every thread of every block does both, in turn
//   cluster_sync();                      both at once
//   cluster_meet();                      the same, without showing others what was written before: after mbarrier_fence_init(), or at the end
//   cluster_shared(place, rank)          the same place in the shared memory of that block, as an ordinary pointer
//
// A block's shared memory may be used by others from the first barrier of the cluster on, when the block is sure to run, and as long as the block does:
// one that others still write to must not end, so that a barrier ends the kernel too. mbarrier.cuh and tma.cuh have what reaches other blocks by itself.
#pragma once

#include "../dk/cuda.cuh"

#if !defined(__CUDACC__)
#include "../host/cluster_calls.h"
#endif

namespace dk {

#if defined(__CUDACC__)

__device__ __forceinline__ unsigned cluster_rank()
{
    unsigned rank;
    asm("mov.u32 %0, %%cluster_ctarank;\n" : "=r"(rank));
    return rank;
}

__device__ __forceinline__ unsigned cluster_size()
{
    unsigned size;
    asm("mov.u32 %0, %%cluster_nctarank;\n" : "=r"(size));
    return size;
}

__device__ __forceinline__ void cluster_arrive() { asm volatile("barrier.cluster.arrive.release;\n" ::: "memory"); }

__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire;\n" ::: "memory"); }

template <class T>
__device__ __forceinline__ T* cluster_shared(T* place, unsigned rank)
{
    unsigned long long there;
    asm("mapa.u64 %0, %1, %2;\n" : "=l"(there) : "l"(place), "r"(rank));
    return reinterpret_cast<T*>(there);
}

__device__ __forceinline__ void cluster_sync()
{
    cluster_arrive();
    cluster_wait();
}

// cluster_sync fences the whole GPU (MEMBAR.ALL.GPU), after stores to global memory too.
__device__ __forceinline__ void cluster_meet()
{
    asm volatile("barrier.cluster.arrive.relaxed;\n" ::: "memory");
    cluster_wait();
}

#else

inline unsigned cluster_rank() { return host::cluster_rank(); }

inline unsigned cluster_size() { return host::cluster_size(); }

inline void cluster_arrive(std::source_location where = std::source_location::current()) { host::arrive_at_cluster(where); }

inline void cluster_wait(std::source_location where = std::source_location::current()) { host::wait_for_cluster(where); }

template <class T>
T* cluster_shared(T* place, unsigned rank, std::source_location where = std::source_location::current())
{
    return static_cast<T*>(host::map_shared(place, rank, where));
}

inline void cluster_sync(std::source_location where = std::source_location::current())
{
    cluster_arrive(where);
    cluster_wait(where);
}

inline void cluster_meet(std::source_location where = std::source_location::current()) { cluster_sync(where); }

#endif

}  // namespace dk
