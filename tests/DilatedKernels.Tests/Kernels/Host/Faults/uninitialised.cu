// Memory that is read before anything has been written to it.
#include "reversal.cuh"

template <bool Faulty>
__device__ void uninitialised_shared(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    if (!Faulty || i > 0) {
        tile[i] = x[i];
    }

    __syncthreads();
    y[i] = tile[n - 1 - i];
}

REVERSAL(uninitialised_shared_faulty) { uninitialised_shared<true>(x, y, n); }
REVERSAL(uninitialised_shared_correct) { uninitialised_shared<false>(x, y, n); }
DK_KERNEL(uninitialised_shared_faulty);
DK_KERNEL(uninitialised_shared_correct);

template <bool Faulty>
__device__ void uninitialised_dynamic(const float* x, float* y, int n)
{
    DK_DYNAMIC_SHARED(float, tile);
    int i = threadIdx.x;
    if (!Faulty || i > 0) {
        tile[i] = x[i];
    }

    __syncthreads();
    y[i] = tile[n - 1 - i];
}

REVERSAL(uninitialised_dynamic_faulty) { uninitialised_dynamic<true>(x, y, n); }
REVERSAL(uninitialised_dynamic_correct) { uninitialised_dynamic<false>(x, y, n); }
DK_KERNEL(uninitialised_dynamic_faulty);
DK_KERNEL(uninitialised_dynamic_correct);

// An accumulation into an output that was never cleared.
REVERSAL(uninitialised_global_faulty) { y[threadIdx.x] += x[n - 1 - threadIdx.x]; }

REVERSAL(uninitialised_global_correct)
{
    y[threadIdx.x] = 0;
    y[threadIdx.x] += x[n - 1 - threadIdx.x];
}

DK_KERNEL(uninitialised_global_faulty);
DK_KERNEL(uninitialised_global_correct);
