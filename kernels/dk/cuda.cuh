// What every kernel file includes first: CUDA C++ for two compilers.
// nvcc sees CUDA itself and a few macros; a host C++20 compiler sees the twin of the language in host/cuda_host.h.
//
//   DK_SHARED(float, tile, 8, 36);         a shared array, float tile[8][36], 16-byte aligned
//   DK_DYNAMIC_SHARED(float, stage);       float* stage: the launch's dynamic shared memory, 16-byte aligned
//   DK_KERNEL(relu_forward_f32);           after the definition: makes the kernel known to the host runtime
//   DK_ARCH_AT_LEAST(80)                   1 when compiling for that architecture or later, and on the host
#pragma once

#include <cstdint>

namespace dk {

template <class T, int... Extents>
struct array_of {
    using type = T;
};

template <class T, int First, int... Rest>
struct array_of<T, First, Rest...> {
    using type = typename array_of<T, Rest...>::type[First];
};

// T[First][Second]... as a type that a macro can write without brackets.
template <class T, int... Extents>
using array = typename array_of<T, Extents...>::type;

}  // namespace dk

#if defined(__CUDACC__)

#include <cuda_bf16.h>

#define DK_SHARED(type, name, ...) __shared__ __align__(16)::dk::array<type, __VA_ARGS__> name

#define DK_DYNAMIC_SHARED(type, name)                                \
    extern __shared__ __align__(16) unsigned char dk_dynamic_shared[]; \
    type* const name = reinterpret_cast<type*>(dk_dynamic_shared)

#define DK_KERNEL(name) static_assert(true, "")

#if defined(__CUDA_ARCH__)
#define DK_ARCH_AT_LEAST(sm) (__CUDA_ARCH__ >= (sm) * 10)
#else
#define DK_ARCH_AT_LEAST(sm) 1
#endif

#else

#include "../host/cuda_host.h"

#define DK_ARCH_AT_LEAST(sm) 1

#endif
