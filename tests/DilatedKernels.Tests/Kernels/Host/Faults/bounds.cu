// Addresses outside what a kernel may touch, and addresses that a vector access may not have.
#include "reversal.cuh"

REVERSAL(read_beyond_faulty) { y[threadIdx.x] = x[n - threadIdx.x]; }
REVERSAL(read_beyond_correct) { y[threadIdx.x] = x[n - 1 - threadIdx.x]; }
DK_KERNEL(read_beyond_faulty);
DK_KERNEL(read_beyond_correct);

REVERSAL(write_beyond_faulty) { y[n - threadIdx.x] = x[threadIdx.x]; }
REVERSAL(write_beyond_correct) { y[n - 1 - threadIdx.x] = x[threadIdx.x]; }
DK_KERNEL(write_beyond_faulty);
DK_KERNEL(write_beyond_correct);

template <bool Faulty>
__device__ void write_beyond_shared(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    float* end = tile + MaxThreads;
    end[(Faulty ? 0 : -1) - i] = x[i + n - MaxThreads];
    __syncthreads();
    y[i] = tile[i];
}

REVERSAL(write_beyond_shared_faulty) { write_beyond_shared<true>(x, y, n); }
REVERSAL(write_beyond_shared_correct) { write_beyond_shared<false>(x, y, n); }
DK_KERNEL(write_beyond_shared_faulty);
DK_KERNEL(write_beyond_shared_correct);

// Within the array as a whole, but past the end of a row of it.
template <bool Faulty>
__device__ void index_past_row(const float* x, float* y, int n)
{
    DK_SHARED(float, tile, 4, MaxThreads / 4);
    int i = threadIdx.x, columns = n / 4;
    if constexpr (Faulty) {
        tile[0][i] = x[i];
    } else {
        tile[i / columns][i % columns] = x[i];
    }

    __syncthreads();
    int from = n - 1 - i;
    y[i] = tile[from / columns][from % columns];
}

REVERSAL(index_past_row_faulty) { index_past_row<true>(x, y, n); }
REVERSAL(index_past_row_correct) { index_past_row<false>(x, y, n); }
DK_KERNEL(index_past_row_faulty);
DK_KERNEL(index_past_row_correct);

template <bool Faulty>
__device__ void misaligned_vector(const float* x, float* y, int n)
{
    int i = 4 * threadIdx.x;
    if (i < n) {
        float4 v = *reinterpret_cast<const float4*>(x + n - 4 - i + (Faulty && i > 0 ? 1 : 0));
        *reinterpret_cast<float4*>(y + i) = make_float4(v.w, v.z, v.y, v.x);
    }
}

REVERSAL(misaligned_vector_faulty) { misaligned_vector<true>(x, y, n); }
REVERSAL(misaligned_vector_correct) { misaligned_vector<false>(x, y, n); }
DK_KERNEL(misaligned_vector_faulty);
DK_KERNEL(misaligned_vector_correct);

// 32-bit arithmetic where the offset needs 64.
template <class Offset>
__device__ void index_overflow(const float* x, float* y, int n)
{
    Offset row_elements = 65536 + n - n, row = 65536;
    Offset offset = row * row_elements + static_cast<Offset>(threadIdx.x);
    y[threadIdx.x] = x[n - 1 - static_cast<int>(offset % row_elements)];
}

REVERSAL(index_overflow_faulty) { index_overflow<int>(x, y, n); }
REVERSAL(index_overflow_correct) { index_overflow<long long>(x, y, n); }
DK_KERNEL(index_overflow_faulty);
DK_KERNEL(index_overflow_correct);
