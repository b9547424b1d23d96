// cp.async (sm_80 and up): copies from global to shared memory that the thread does not wait for.
//
//   cp_async_16(&tile[row][column], source, inside);   16 bytes, or 16 zero bytes when not inside; both addresses 16-byte aligned
//   cp_async_commit();                                 closes a group of copies
//   cp_async_wait<1>();                                waits until at most 1 of this thread's groups is still on its way
//   __syncthreads();                                   makes the other threads' copies visible
//
// On the host the bytes land at the wait, and the target holds NaNs until then.
#pragma once

#include "../dk/cuda.cuh"

#if !defined(__CUDACC__)
#include "../host/async_copy.h"
#endif

namespace dk {

#if defined(__CUDACC__)

#define DK_CP_ASYNC(suffix, bytes)                                                                                     \
    __device__ __forceinline__ void cp_async_##bytes(void* shared, const void* global, bool inside = true)             \
    {                                                                                                                  \
        unsigned target = static_cast<unsigned>(__cvta_generic_to_shared(shared));                                     \
        asm volatile("cp.async." suffix ".shared.global [%0], [%1], " #bytes ", %2;\n" ::"r"(target), "l"(global),     \
                     "r"(inside ? bytes : 0)                                                                           \
                     : "memory");                                                                                      \
    }

// Past the first-level cache for whole 16 bytes; the shorter ones have no such form.
DK_CP_ASYNC("cg", 16)
DK_CP_ASYNC("ca", 8)
DK_CP_ASYNC("ca", 4)
#undef DK_CP_ASYNC

__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }

template <int Pending>
__device__ __forceinline__ void cp_async_wait()
{
    asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
}

__device__ __forceinline__ void cp_async_wait_all() { asm volatile("cp.async.wait_all;\n" ::: "memory"); }

#else

__attribute__((always_inline)) inline void cp_async_16(void* shared, const void* global, bool inside = true) { host::begin_async_copy(shared, global, 16, inside ? 16 : 0); }
__attribute__((always_inline)) inline void cp_async_8(void* shared, const void* global, bool inside = true) { host::begin_async_copy(shared, global, 8, inside ? 8 : 0); }
__attribute__((always_inline)) inline void cp_async_4(void* shared, const void* global, bool inside = true) { host::begin_async_copy(shared, global, 4, inside ? 4 : 0); }

inline void cp_async_commit() { host::commit_async_copies(); }

template <int Pending>
void cp_async_wait()
{
    host::wait_async_copies(Pending);
}

inline void cp_async_wait_all() { host::wait_all_async_copies(); }

#endif

}  // namespace dk
