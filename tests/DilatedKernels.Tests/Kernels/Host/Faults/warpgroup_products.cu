// wgmma used wrongly. Every kernel adds the 64 x 16 ones of x to themselves, transposed, with 128 threads: y (64 x 16) = 16.
#include "ptx/tma.cuh"
#include "ptx/wgmma.cuh"

enum class Fault { None, NoFence, NoWait, NoWaitAtAll, Changed, AbsentWarp, OtherOperand, UnalignedOperand, BeyondArray, OperandOverwritten, NotWritten, WaitsForTooFew };

template <Fault Kind>
__device__ void product(const dk::TensorMap& map, float* y)
{
    DK_SHARED(dk::Mbarrier, full, 1);
    DK_DYNAMIC_SHARED(unsigned char, shared);
    unsigned char* tile = shared + (1024 - reinterpret_cast<std::uintptr_t>(shared) % 1024) % 1024;
    int thread = threadIdx.x;
    if constexpr (Kind != Fault::NotWritten) {
        for (int i = thread; i < 64 * 64; i += 128) {
            reinterpret_cast<__nv_bfloat16*>(tile)[i] = __nv_bfloat16(1.0f);
        }
    }

    if (thread == 0) {
        dk::mbarrier_init(full, 1);
        dk::mbarrier_fence_init();
    }

    dk::wgmma_fence_operands();
    __syncthreads();
    float sums[8] = {};
    if constexpr (Kind != Fault::NoFence) {
        dk::wgmma_fence();
    }

    unsigned long long a = dk::wgmma_operand(tile + (Kind == Fault::UnalignedOperand ? 128 : Kind == Fault::BeyondArray ? 16384 : 0));
    if (Kind != Fault::AbsentWarp || thread < 96) {
        dk::wgmma_bf16<16>(sums, a, a + (Kind == Fault::OtherOperand && thread >= 64 ? dk::wgmma_step : 0));
    }

    dk::wgmma_commit();
    if constexpr (Kind == Fault::WaitsForTooFew) {
        dk::wgmma_wait<1>();
    }

    if constexpr (Kind == Fault::OperandOverwritten) {
        if (thread == 0) {
            dk::mbarrier_arrive_expect_tx(full, 1024);
            dk::tma_load_3d(tile + 1024, &map, full, 0, 0, 0);
        }

        dk::mbarrier_wait(full, 0);
    }

    if constexpr (Kind == Fault::Changed) {
        sums[3] = 1;
        // So that the compiler knows of somebody who sees it.
        __syncthreads();
    }

    if constexpr (Kind != Fault::NoWait && Kind != Fault::NoWaitAtAll && Kind != Fault::WaitsForTooFew) {
        dk::wgmma_wait(sums);
    }

    for (int r = 0; r < 8; r++) {
        y[dk::wgmma_row(thread, r) * 16 + dk::wgmma_column(thread, r)] = sums[r];
    }

    if constexpr (Kind == Fault::NoWait || Kind == Fault::WaitsForTooFew) {
        dk::wgmma_wait(sums);
    }
}

#define PRODUCT(name, kind)                                                                               \
    extern "C" __global__ void name([[maybe_unused]] const __grid_constant__ dk::TensorMap map, float* y) \
    {                                                                                                     \
        product<Fault::kind>(map, y);                                                                     \
    }                                                                                                     \
    DK_KERNEL(name)

PRODUCT(warpgroup_correct, None);
PRODUCT(warpgroup_no_fence, NoFence);
PRODUCT(warpgroup_no_wait, NoWait);
PRODUCT(warpgroup_no_wait_at_all, NoWaitAtAll);
PRODUCT(warpgroup_changed, Changed);
PRODUCT(warpgroup_absent_warp, AbsentWarp);
PRODUCT(warpgroup_other_operand, OtherOperand);
PRODUCT(warpgroup_unaligned_operand, UnalignedOperand);
PRODUCT(warpgroup_beyond_array, BeyondArray);
PRODUCT(warpgroup_operand_overwritten, OperandOverwritten);
PRODUCT(warpgroup_not_written, NotWritten);
PRODUCT(warpgroup_waits_for_too_few, WaitsForTooFew);
