// What blocks of a cluster do with each other's shared memory.
#include "ptx/cluster.cuh"
#include "ptx/tma.cuh"

namespace {

__device__ int block_number() { return static_cast<int>(blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z)); }

}  // namespace

extern "C" __global__ void cluster_places(int* y)
{
    y[2 * block_number()] = static_cast<int>(dk::cluster_rank());
    y[2 * block_number() + 1] = static_cast<int>(dk::cluster_size());
}
DK_KERNEL(cluster_places);

// y = what the next block of the cluster has, in two places: read from its memory, and written by it to this block's. Blocks declare arrays in either order.
extern "C" __global__ void cluster_exchange(const float* x, float* y)
{
    int i = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x), place = block_number() * n + i;
    unsigned next = (dk::cluster_rank() + 1) % dk::cluster_size();
    auto exchange = [&](float* mine, float* theirs) {
        mine[i] = x[place];
        dk::cluster_sync();
        float read = dk::cluster_shared(mine, next)[n - 1 - i];
        dk::cluster_shared(theirs, next)[i] = x[place];
        dk::cluster_arrive();
        y[2 * place] = read;
        dk::cluster_wait();
        y[2 * place + 1] = theirs[i];
    };
    if (dk::cluster_rank() == 0) {
        DK_SHARED(float, first, 64);
        DK_DYNAMIC_SHARED(float, second);
        exchange(second, second + 64);
        first[i] = 0;
    } else {
        DK_DYNAMIC_SHARED(float, second);
        exchange(second, second + 64);
    }
}
DK_KERNEL(cluster_exchange);

// Every block brings its share of a box's rows, or of a column's pixels, to all of the cluster; y has what each got.
extern "C" __global__ void cluster_multicast(const __grid_constant__ dk::TensorMap map, unsigned char* y, int share_bytes, int rows, int im2col)
{
    DK_SHARED(dk::Mbarrier, full, 1);
    DK_DYNAMIC_SHARED(unsigned char, shared);
    unsigned char* tile = shared + (1024 - dk::shared_address(shared) % 1024) % 1024;
    int rank = static_cast<int>(dk::cluster_rank()), blocks = static_cast<int>(dk::cluster_size());
    if (threadIdx.x == 0) {
        dk::mbarrier_init(full, 1);
        dk::mbarrier_fence_init();
    }

    dk::cluster_sync();
    if (threadIdx.x == 0) {
        auto all = static_cast<unsigned short>((1 << blocks) - 1);
        dk::mbarrier_arrive_expect_tx(full, static_cast<unsigned>(blocks * share_bytes));
        if (im2col) {
            dk::tma_multicast_im2col_4d(tile + rank * share_bytes, &map, full, 0, 0, rank * rows, 0, 0, 0, all);
        } else {
            dk::tma_multicast_3d(tile + rank * share_bytes, &map, full, 0, rank * rows, 0, all);
        }
    }

    dk::mbarrier_wait(full, 0);
    for (int i = static_cast<int>(threadIdx.x); i < blocks * share_bytes; i += static_cast<int>(blockDim.x)) {
        y[block_number() * blocks * share_bytes + i] = tile[i];
    }

    dk::cluster_sync();
}
DK_KERNEL(cluster_multicast);
