// Where a thread is, and the block barrier: what a kernel calls in the runtime (block.cpp).
#pragma once

#include <cstddef>
#include <source_location>

#include "vector_types.h"

namespace dk::host {

// These never change during a thread's life, so the compiler may call them once: attribute const.
__attribute__((const)) uint3 thread_index() noexcept;
__attribute__((const)) uint3 block_index() noexcept;
__attribute__((const)) uint3 block_extent() noexcept;
__attribute__((const)) uint3 grid_extent() noexcept;

// The shared array with this key in the current block; the first thread that asks gets it poisoned.
void* shared_array(const void* key, const char* name, std::size_t bytes);
void* dynamic_shared();

void synchronize_block(std::source_location where);
int synchronize_block_count(bool predicate, std::source_location where);
[[noreturn]] void trap(std::source_location where);

}  // namespace dk::host

#define threadIdx (::dk::host::thread_index())
#define blockIdx (::dk::host::block_index())
#define blockDim (::dk::host::block_extent())
#define gridDim (::dk::host::grid_extent())
inline constexpr int warpSize = 32;

// The static's address is the array's key: one per function and template instance, as in CUDA.
#define DK_SHARED(type, name, ...)                                                                              \
    static char name##_key;                                                                                     \
    auto& name = *static_cast<::dk::array<type, __VA_ARGS__>*>(                                                 \
        ::dk::host::shared_array(&name##_key, #name, sizeof(::dk::array<type, __VA_ARGS__>)))

#define DK_DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(::dk::host::dynamic_shared())

inline void __syncthreads(std::source_location where = std::source_location::current())
{
    ::dk::host::synchronize_block(where);
}

inline int __syncthreads_count(int predicate, std::source_location where = std::source_location::current())
{
    return ::dk::host::synchronize_block_count(predicate != 0, where);
}

[[noreturn]] inline void __trap(std::source_location where = std::source_location::current()) { ::dk::host::trap(where); }
