// mbarrier (sm_90): a barrier in shared memory that counts arrivals of threads and bytes of bulk copies.
//
//   DK_SHARED(dk::Mbarrier, full, Stages);
//   mbarrier_init(&full[s], arrivals);               one thread, once; then mbarrier_fence_init() and __syncthreads()
//   mbarrier_arrive(&full[s]);                       one arrival
//   mbarrier_arrive_at(&full[s], rank);              one arrival at the mbarrier in the same place of that block of the cluster
//   mbarrier_arrive_expect_tx(&full[s], bytes);      one arrival, which also announces so many bytes of copies
//   mbarrier_wait(&full[s], parity);                 returns once the phase of that parity is over
//
// A phase is over when all arrivals have come and all announced bytes have landed; the next begins at once, with the same number of arrivals.
// The phases' parities are 0, 1, 0, ...: a fresh barrier is in phase 0, so that waiting for parity 1 returns at once. A wait is for the phase
// that runs or the one before it, not for an older one.
#pragma once

#include "../dk/cuda.cuh"

#if !defined(__CUDACC__)
#include "../host/mbarrier.h"
#endif

namespace dk {

struct alignas(8) Mbarrier {
    unsigned long long state;
};

#if defined(__CUDACC__)

__device__ __forceinline__ unsigned shared_address(const void* shared) { return static_cast<unsigned>(__cvta_generic_to_shared(shared)); }

__device__ __forceinline__ void mbarrier_init(Mbarrier* barrier, unsigned arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

// Makes this thread's inits visible to the copy engine.
__device__ __forceinline__ void mbarrier_fence_init() { asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory"); }

__device__ __forceinline__ void mbarrier_arrive(Mbarrier* barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(shared_address(barrier)) : "memory");
}

// Says that this thread is done with reading, as a ring's consumers do, and not that its writes can be seen: .release.cluster is a fence for the whole GPU (MEMBAR.ALL.GPU).
__device__ __forceinline__ void mbarrier_arrive_at(Mbarrier* barrier, unsigned rank)
{
    asm volatile(
        "{\n"
        ".reg .b32 there;\n"
        "mapa.shared::cluster.u32 there, %0, %1;\n"
        "mbarrier.arrive.shared::cluster.b64 _, [there];\n"
        "}\n" ::"r"(shared_address(barrier)),
        "r"(rank)
        : "memory");
}

__device__ __forceinline__ void mbarrier_arrive_expect_tx(Mbarrier* barrier, unsigned bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
}

// The hardware suspends the thread for a while at every try. A kernel that waits for seconds is wrong: it ends with an error and does not hang.
__device__ __forceinline__ void mbarrier_wait(Mbarrier* barrier, unsigned parity)
{
    unsigned address = shared_address(barrier), over = 0;
#pragma unroll 1
    for (unsigned tries = 0; over == 0; tries++) {
        asm volatile(
            "{\n"
            ".reg .pred p;\n"
            "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
            "selp.u32 %0, 1, 0, p;\n"
            "}\n"
            : "=r"(over)
            : "r"(address), "r"(parity)
            : "memory");
        if (tries == 1u << 26) {
            __trap();
        }
    }
}

#else

inline unsigned shared_address(const void* shared) { return host::shared_offset(shared); }

inline void mbarrier_init(Mbarrier* barrier, unsigned arrivals, std::source_location where = std::source_location::current())
{
    host::init_mbarrier(barrier, arrivals, where);
}

inline void mbarrier_fence_init() { host::fence_mbarrier_init(); }

inline void mbarrier_arrive(Mbarrier* barrier, std::source_location where = std::source_location::current())
{
    host::arrive_at_mbarrier(barrier, 0, where);
}

inline void mbarrier_arrive_at(Mbarrier* barrier, unsigned rank, std::source_location where = std::source_location::current())
{
    host::arrive_at_mbarrier_of(rank, barrier, where);
}

inline void mbarrier_arrive_expect_tx(Mbarrier* barrier, unsigned bytes, std::source_location where = std::source_location::current())
{
    host::arrive_at_mbarrier(barrier, bytes, where);
}

inline void mbarrier_wait(Mbarrier* barrier, unsigned parity, std::source_location where = std::source_location::current())
{
    host::wait_for_mbarrier(barrier, parity, where);
}

#endif

}  // namespace dk
