// Asynchronous copies that are used too early.
#include "ptx/cp_async.cuh"
#include "reversal.cuh"

enum class Fault { None, NoWait, WaitForTooFew, NoBarrier, OverwrittenOnItsWay };

template <Fault Kind>
__device__ void async_copy(const float* x, float* y, int n)
{
    DK_SHARED(float, first, MaxThreads);
    DK_SHARED(float, second, MaxThreads);
    int i = threadIdx.x;
    if (4 * i < n) {
        dk::cp_async_16(&first[4 * i], &x[4 * i]);
        dk::cp_async_commit();
        dk::cp_async_16(&second[4 * i], &x[4 * i]);
        dk::cp_async_commit();
        if constexpr (Kind == Fault::OverwrittenOnItsWay) {
            second[4 * i] = 0;
        }

        if constexpr (Kind == Fault::WaitForTooFew) {
            dk::cp_async_wait<1>();
        } else if constexpr (Kind != Fault::NoWait) {
            dk::cp_async_wait<0>();
        }
    }

    if constexpr (Kind != Fault::NoBarrier) {
        __syncthreads();
    }

    y[i] = i < n / 2 ? first[n - 1 - i] : second[n - 1 - i];
}

REVERSAL(async_copy_correct) { async_copy<Fault::None>(x, y, n); }
REVERSAL(async_copy_no_wait_faulty) { async_copy<Fault::NoWait>(x, y, n); }
REVERSAL(async_copy_wait_for_too_few_faulty) { async_copy<Fault::WaitForTooFew>(x, y, n); }
REVERSAL(async_copy_no_barrier_faulty) { async_copy<Fault::NoBarrier>(x, y, n); }
REVERSAL(async_copy_overwritten_faulty) { async_copy<Fault::OverwrittenOnItsWay>(x, y, n); }
DK_KERNEL(async_copy_correct);
DK_KERNEL(async_copy_no_wait_faulty);
DK_KERNEL(async_copy_wait_for_too_few_faulty);
DK_KERNEL(async_copy_no_barrier_faulty);
DK_KERNEL(async_copy_overwritten_faulty);

// Lanes outside the map ask for zeros.
REVERSAL(async_copy_zero_fill)
{
    DK_SHARED(float, tile, MaxThreads);
    int i = threadIdx.x;
    dk::cp_async_4(&tile[i], &x[i], i % 2 == 0);
    dk::cp_async_wait_all();
    __syncthreads();
    y[i] = tile[n - 1 - i];
}
DK_KERNEL(async_copy_zero_fill);
