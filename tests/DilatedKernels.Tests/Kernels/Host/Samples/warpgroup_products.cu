// One warpgroup's products: c (64 x N) = 1 + a (64 x 2K) * b (N x 2K) transposed, all row-major, in two steps of K.
// The operands lie along the reduction, or across it.
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

// The same across the reduction: element c of line k, lines as long as the swizzle, 32 of them for that many columns and then the next columns'.
// With 0, cores of eight lines, for 8 columns each.
__device__ int place_across(int k, int c, int swizzle)
{
    if (swizzle == 0) {
        return c / 8 * 512 + k / 8 * 128 + k % 8 * 16 + 2 * (c % 8);
    }

    int columns = swizzle / 2, at = c / columns * 32 * swizzle + k * swizzle + 2 * (c % columns);
    return at ^ ((at >> 7 & (swizzle / 16 - 1)) << 4);
}

__device__ void put_across(unsigned char* tile, const float* x, int rows, int columns, int swizzle)
{
    for (int i = threadIdx.x; i < rows * columns; i += 128) {
        *reinterpret_cast<__nv_bfloat16*>(tile + place_across(i % columns, i / columns, swizzle)) = __nv_bfloat16(x[i]);
    }
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

// Two steps of 16 lines, whose descriptors the manual's canonical layouts give.
template <int N>
__device__ void product_across(const float* a, const float* b, float* c, int swizzle, unsigned char* shared)
{
    unsigned char* as = aligned_tile(shared);
    unsigned char* bs = as + 64 * 128;
    put_across(as, a, 64, 32, swizzle);
    put_across(bs, b, N, 32, swizzle);
    dk::wgmma_fence_operands();
    __syncthreads();
    unsigned leading = swizzle == 0 ? 128 : 32 * swizzle, stride = swizzle == 0 ? 512 : 8 * swizzle;
    unsigned long long first = dk::wgmma_descriptor(dk::shared_address(as), swizzle, leading, stride);
    unsigned long long second = dk::wgmma_descriptor(dk::shared_address(bs), swizzle, leading, stride);
    unsigned long long step = swizzle == 128 ? dk::wgmma_across_step : swizzle == 0 ? 256 / 16 : swizzle;
    float sums[N / 2];
    for (int r = 0; r < N / 2; r++) {
        sums[r] = 1.0f;
    }

    dk::wgmma_fence();
    for (int k = 0; k < 2; k++) {
        dk::wgmma_bf16_across<N>(sums, first + k * step, second + k * step);
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

#define WARPGROUP_PRODUCT_ACROSS(name, n)                                                                       \
    extern "C" __global__ void __launch_bounds__(128) name(const float* a, const float* b, float* c, int swizzle) \
    {                                                                                                          \
        DK_DYNAMIC_SHARED(unsigned char, shared);                                                              \
        product_across<n>(a, b, c, swizzle, shared);                                                           \
    }                                                                                                          \
    DK_KERNEL(name)

WARPGROUP_PRODUCT_ACROSS(warpgroup_product_across_64, 64);
WARPGROUP_PRODUCT_ACROSS(warpgroup_product_across_168, 168);
WARPGROUP_PRODUCT_ACROSS(warpgroup_product_across_256, 256);

// Descriptors as numbers, of a tile at the given address.
extern "C" __global__ void warpgroup_descriptors(unsigned long long* y, int address)
{
    if (threadIdx.x == 0) {
        y[0] = dk::wgmma_descriptor(static_cast<unsigned>(address), 128, 16, 1024);
        y[1] = dk::wgmma_descriptor(static_cast<unsigned>(address), 128, 8192, 1024) + dk::wgmma_across_step;
    }
}
DK_KERNEL(warpgroup_descriptors);
