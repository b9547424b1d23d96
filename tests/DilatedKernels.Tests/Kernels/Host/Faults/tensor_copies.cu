// Tensor copies and mbarriers that are used wrongly. Every kernel brings a box of 8 rows of 32 floats to shared memory and copies it to y with 64 threads.
#include "ptx/tma.cuh"

enum class Fault {
    None, NoInit, NoFence, NoSyncthreads, InitialisedTwice, NoWait, WrongParity, TooFewBytes, TooManyBytes, ArrivesTwice, WrongPhase, NobodyWaits, Overwritten,
    Misaligned, BeyondArray, NotATile
};

template <Fault Kind>
__device__ void copy_box(const dk::TensorMap& map, float* y)
{
    constexpr unsigned Bytes = 8 * 32 * sizeof(float);
    DK_SHARED(dk::Mbarrier, full, 1);
    DK_DYNAMIC_SHARED(unsigned char, shared);
    unsigned char* aligned = shared + (128 - reinterpret_cast<std::uintptr_t>(shared) % 128) % 128;
    float* tile = reinterpret_cast<float*>(aligned);
    int i = threadIdx.x;
    if (i == 0) {
        if constexpr (Kind != Fault::NoInit) {
            dk::mbarrier_init(full, 1);
        }

        if constexpr (Kind == Fault::InitialisedTwice) {
            dk::mbarrier_init(full, 1);
        }

        if constexpr (Kind != Fault::NoFence) {
            dk::mbarrier_fence_init();
        }
    }

    if constexpr (Kind != Fault::NoSyncthreads) {
        __syncthreads();
    }

    if (i == 0) {
        dk::mbarrier_arrive_expect_tx(full, Kind == Fault::TooFewBytes ? Bytes - 16 : Kind == Fault::TooManyBytes ? Bytes + 16 : Bytes);
        unsigned char* target = aligned + (Kind == Fault::Misaligned ? 64 : Kind == Fault::BeyondArray ? 1024 : 0);
        if constexpr (Kind == Fault::NotATile) {
            dk::tma_load_im2col_4d(target, &map, full, 0, 0, 0, 0, 0, 0);
        } else {
            dk::tma_load_3d(target, &map, full, 0, 0, 0);
        }

        if constexpr (Kind == Fault::ArrivesTwice) {
            dk::mbarrier_arrive(full);
        }

        if constexpr (Kind == Fault::Overwritten) {
            tile[255] = 0;
        }
    }

    if constexpr (Kind != Fault::NoWait && Kind != Fault::NobodyWaits) {
        dk::mbarrier_wait(full, Kind == Fault::WrongParity ? 1 : 0);
    }

    if constexpr (Kind == Fault::WrongPhase) {
        dk::mbarrier_wait(full, 1);
    }

    if constexpr (Kind != Fault::NobodyWaits) {
        for (int j = i; j < 256; j += 64) {
            y[j] = tile[j];
        }
    }

    if constexpr (Kind == Fault::NoWait || Kind == Fault::WrongParity) {
        dk::mbarrier_wait(full, 0);
    }
}

#define COPY(name, kind)                                                                                  \
    extern "C" __global__ void name(const __grid_constant__ dk::TensorMap map, [[maybe_unused]] float* y) \
    {                                                                                                     \
        copy_box<Fault::kind>(map, y);                                                                    \
    }                                                                                                     \
    DK_KERNEL(name)

COPY(tensor_copy_correct, None);
COPY(tensor_copy_no_init, NoInit);
COPY(tensor_copy_no_fence, NoFence);
COPY(tensor_copy_no_syncthreads, NoSyncthreads);
COPY(tensor_copy_initialised_twice, InitialisedTwice);
COPY(tensor_copy_no_wait, NoWait);
COPY(tensor_copy_wrong_parity, WrongParity);
COPY(tensor_copy_too_few_bytes, TooFewBytes);
COPY(tensor_copy_too_many_bytes, TooManyBytes);
COPY(tensor_copy_arrives_twice, ArrivesTwice);
COPY(tensor_copy_wrong_phase, WrongPhase);
COPY(tensor_copy_nobody_waits, NobodyWaits);
COPY(tensor_copy_overwritten, Overwritten);
COPY(tensor_copy_misaligned, Misaligned);
COPY(tensor_copy_beyond_array, BeyondArray);
COPY(tensor_copy_not_a_tile, NotATile);
