// What the copy engine brings: one box, or one column of pixels, copied as it lies in shared memory to y.
#include "ptx/tma.cuh"

namespace {

// Every swizzle repeats within 1024 bytes.
__device__ unsigned char* aligned_tile(unsigned char* shared)
{
    return shared + (1024 - reinterpret_cast<std::uintptr_t>(shared) % 1024) % 1024;
}

__device__ void store_tile(const unsigned char* tile, unsigned char* y, int bytes, dk::Mbarrier* full)
{
    dk::mbarrier_wait(full, 0);
    for (int i = threadIdx.x; i < bytes; i += blockDim.x) {
        y[i] = tile[i];
    }
}

__device__ dk::Mbarrier* make_barrier(dk::Mbarrier* full)
{
    if (threadIdx.x == 0) {
        dk::mbarrier_init(full, 1);
        dk::mbarrier_fence_init();
    }

    __syncthreads();
    return full;
}

}  // namespace

extern "C" __global__ void copy_box(const __grid_constant__ dk::TensorMap map, unsigned char* y, int bytes, int c0, int c1, int c2)
{
    DK_SHARED(dk::Mbarrier, barrier, 1);
    DK_DYNAMIC_SHARED(unsigned char, shared);
    unsigned char* tile = aligned_tile(shared);
    dk::Mbarrier* full = make_barrier(barrier);
    if (threadIdx.x == 0) {
        dk::mbarrier_arrive_expect_tx(full, bytes);
        dk::tma_load_3d(tile, &map, full, c0, c1, c2);
    }

    store_tile(tile, y, bytes, full);
}
DK_KERNEL(copy_box);

extern "C" __global__ void copy_column(
    const __grid_constant__ dk::TensorMap map, unsigned char* y, int bytes, int c, int w, int h, int n, int offset_w, int offset_h)
{
    DK_SHARED(dk::Mbarrier, barrier, 1);
    DK_DYNAMIC_SHARED(unsigned char, shared);
    unsigned char* tile = aligned_tile(shared);
    dk::Mbarrier* full = make_barrier(barrier);
    if (threadIdx.x == 0) {
        dk::mbarrier_arrive_expect_tx(full, bytes);
        dk::tma_load_im2col_4d(tile, &map, full, c, w, h, n, static_cast<unsigned short>(offset_w), static_cast<unsigned short>(offset_h));
    }

    store_tile(tile, y, bytes, full);
}
DK_KERNEL(copy_column);
