// One warpgroup's products: c (64 x N) = 1 + a (64 x 2K) * b (N x 2K) transposed, all row-major, in two steps of K.
#include "ptx/wgmma.cuh"

namespace {

// Where byte k of row r of an operand lies, by the swizzle's rows or, with 0, in cores of 8 x 16 bytes with those of one row side by side.
__device__ int place(int r, int k, int swizzle)
{
    if (swizzle == 0) {
        return r / 8 * 512 + k / 16 * 128 + r % 8 * 16 + k % 16;
    }

    int at = r * swizzle + k;
    return at ^ ((at >> 7 & (swizzle / 16 - 1)) << 4);
}

__device__ unsigned char* aligned_tile(unsigned char* shared)
{
    return shared + (1024 - reinterpret_cast<std::uintptr_t>(shared) % 1024) % 1024;
}

template <class T>
__device__ void put(unsigned char* tile, const float* x, int rows, int columns, int swizzle)
{
    for (int i = threadIdx.x; i < rows * columns; i += 128) {
        *reinterpret_cast<T*>(tile + place(i / columns, i % columns * static_cast<int>(sizeof(T)), swizzle)) = T(x[i]);
    }
}

template <int N, bool Bf16>
__device__ void product(const float* a, const float* b, float* c, int swizzle, unsigned char* shared)
{
    unsigned char* as = aligned_tile(shared);
    unsigned char* bs = as + 64 * 128;
    int columns = Bf16 ? 32 : 16;
    if constexpr (Bf16) {
        put<__nv_bfloat16>(as, a, 64, columns, swizzle);
        put<__nv_bfloat16>(bs, b, N, columns, swizzle);
    } else {
        put<float>(as, a, 64, columns, swizzle);
        put<float>(bs, b, N, columns, swizzle);
    }

    dk::wgmma_fence_operands();
    __syncthreads();
    unsigned stride = swizzle == 0 ? 512 : 8 * swizzle;
    unsigned long long first = dk::wgmma_descriptor(dk::shared_address(as), swizzle, 128, stride);
    unsigned long long second = dk::wgmma_descriptor(dk::shared_address(bs), swizzle, 128, stride);
    unsigned long long step = swizzle == 0 ? 256 / 16 : dk::wgmma_step;
    float sums[N / 2];
    for (int r = 0; r < N / 2; r++) {
        sums[r] = 1.0f;
    }

    dk::wgmma_fence();
    for (int k = 0; k < 2; k++) {
        if constexpr (Bf16) {
            dk::wgmma_bf16<N>(sums, first + k * step, second + k * step);
        } else {
            dk::wgmma_tf32<N>(sums, first + k * step, second + k * step);
        }
    }

    dk::wgmma_commit();
    dk::wgmma_wait(sums);
    int thread = threadIdx.x;
    for (int r = 0; r < N / 2; r++) {
        c[dk::wgmma_row(thread, r) * N + dk::wgmma_column(thread, r)] = sums[r];
    }
}

}  // namespace

#define WARPGROUP_PRODUCT(name, n, bf16)                                                                       \
    extern "C" __global__ void __launch_bounds__(128) name(const float* a, const float* b, float* c, int swizzle) \
    {                                                                                                          \
        DK_DYNAMIC_SHARED(unsigned char, shared);                                                              \
        product<n, bf16>(a, b, c, swizzle, shared);                                                            \
    }                                                                                                          \
    DK_KERNEL(name)

WARPGROUP_PRODUCT(warpgroup_product_bf16_16, 16, true);
WARPGROUP_PRODUCT(warpgroup_product_bf16_88, 88, true);
WARPGROUP_PRODUCT(warpgroup_product_bf16_256, 256, true);
WARPGROUP_PRODUCT(warpgroup_product_tf32_24, 24, false);
WARPGROUP_PRODUCT(warpgroup_product_tf32_256, 256, false);
