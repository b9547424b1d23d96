// The CUDA language as kernels use it, for a host C++20 compiler: dk/cuda.cuh includes this when nvcc is not the compiler.
// Deliberately absent, so that using them fails here: floating-point atomics (not deterministic) and __activemask (not reliable).
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) alignas(bytes)

#include "atomics.h"
#include "bfloat16.h"
#include "intrinsics.h"
#include "registration.h"
#include "thread.h"
#include "vector_types.h"
#include "warp.h"
