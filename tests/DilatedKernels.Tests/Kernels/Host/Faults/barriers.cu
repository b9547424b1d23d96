// Barriers that are missing, or that not all threads reach.
#include "ptx/barrier.cuh"
#include "reversal.cuh"

template <bool Faulty>
__device__ void missing_barrier(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    tile[i] = x[i];
    if constexpr (!Faulty) {
        __syncthreads();
    }

    y[i] = tile[n - 1 - i];
}

REVERSAL(missing_barrier_faulty) { missing_barrier<true>(x, y, n); }
REVERSAL(missing_barrier_correct) { missing_barrier<false>(x, y, n); }
DK_KERNEL(missing_barrier_faulty);
DK_KERNEL(missing_barrier_correct);

// The second barrier of a loop that uses its tile again: without it a fast thread overwrites what a slow one has yet to read.
template <bool Faulty>
__device__ void reused_tile(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    float sum = 0;
    for (int step = 0; step < 4; step++) {
        tile[i] = x[i] * (step + 1);
        __syncthreads();
        sum += tile[n - 1 - i];
        if constexpr (!Faulty) {
            __syncthreads();
        }
    }

    y[i] = sum / 10;
}

REVERSAL(reused_tile_faulty) { reused_tile<true>(x, y, n); }
REVERSAL(reused_tile_correct) { reused_tile<false>(x, y, n); }
DK_KERNEL(reused_tile_faulty);
DK_KERNEL(reused_tile_correct);

REVERSAL(divergent_barrier_faulty)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    if (i < n / 2) {
        tile[i] = x[i];
        __syncthreads();
    } else {
        tile[i] = x[i] * 1.0f;
        __syncthreads();
    }

    y[i] = tile[n - 1 - i];
}

REVERSAL(divergent_barrier_correct)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    tile[i] = i < n / 2 ? x[i] : x[i] * 1.0f;
    __syncthreads();
    y[i] = tile[n - 1 - i];
}

DK_KERNEL(divergent_barrier_faulty);
DK_KERNEL(divergent_barrier_correct);

template <bool Faulty>
__device__ void early_return(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    tile[i] = x[i];
    if (Faulty && i == n - 1) {
        return;
    }

    __syncthreads();
    y[i] = tile[n - 1 - i];
}

REVERSAL(early_return_faulty) { early_return<true>(x, y, n); }
REVERSAL(early_return_correct) { early_return<false>(x, y, n); }
DK_KERNEL(early_return_faulty);
DK_KERNEL(early_return_correct);

// The first half of the threads fills the tile and tells the second half, which does not hold it up.
template <bool Faulty>
__device__ void named_barrier(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x, half = n / 2;
    if (i < half) {
        tile[i] = x[i];
        tile[i + half] = x[i + half];
        dk::named_barrier_arrive(1, n);
    } else {
        dk::named_barrier_sync(1, Faulty ? half : n);
        y[i] = tile[n - 1 - i];
        y[i - half] = tile[n - 1 - (i - half)];
    }
}

REVERSAL(named_barrier_faulty) { named_barrier<true>(x, y, n); }
REVERSAL(named_barrier_correct) { named_barrier<false>(x, y, n); }
DK_KERNEL(named_barrier_faulty);
DK_KERNEL(named_barrier_correct);
