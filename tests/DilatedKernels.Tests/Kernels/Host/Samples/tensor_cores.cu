// One warp's matrix products through the tensor-core wrappers: c (16 x 8) = a (16 x K) * b (K x 8), all row-major.
#include "dk/cuda.cuh"

#if DK_ARCH_AT_LEAST(80)

#include "ptx/ldmatrix.cuh"
#include "ptx/mma.cuh"

// a and b are float32 and are rounded on the way; the operands come out of shared memory through ldmatrix.
extern "C" __global__ void product_bf16(const float* a, const float* b, float* c)
{
    DK_SHARED(__nv_bfloat16, as, 16, 16);
    DK_SHARED(__nv_bfloat16, bs, 16, 16);
    int lane = threadIdx.x;
    for (int i = lane; i < 256; i += 32) {
        as[i / 16][i % 16] = __float2bfloat16(a[i]);
        bs[i / 16][i % 16] = __float2bfloat16(i % 16 < 8 ? b[i / 16 * 8 + i % 16] : 0.0f);
    }

    __syncwarp();
    // Tiles of A in register order: rows 0 and 8 of the left columns, then of the right ones.
    unsigned ra[4], rb[4];
    int tile = lane / 8, row = lane % 8;
    dk::ldmatrix_x4(ra, &as[row + 8 * (tile % 2)][8 * (tile / 2)]);
    // B by columns: transposed tiles; the two of the right half are not used.
    dk::ldmatrix_x4_trans(rb, &bs[row + 8 * (tile % 2)][8 * (tile / 2)]);
    unsigned rb2[2] = {rb[0], rb[1]};
    float sums[4] = {};
    dk::mma_bf16(sums, ra, rb2);
    for (int r = 0; r < 4; r++) {
        c[dk::mma_c_row(lane, r) * 8 + dk::mma_c_column(lane, r)] = sums[r];
    }
}
DK_KERNEL(product_bf16);

extern "C" __global__ void product_tf32(const float* a, const float* b, float* c)
{
    int lane = threadIdx.x;
    unsigned ra[4], rb[2];
    for (int r = 0; r < 4; r++) {
        ra[r] = dk::to_tf32(a[dk::MmaTf32::a_row(lane, r, 0) * 8 + dk::MmaTf32::a_column(lane, r, 0)]);
    }

    for (int r = 0; r < 2; r++) {
        rb[r] = dk::to_tf32(b[dk::MmaTf32::b_row(lane, r, 0) * 8 + dk::MmaTf32::b_column(lane)]);
    }

    float sums[4] = {};
    dk::mma_tf32(sums, ra, rb);
    for (int r = 0; r < 4; r++) {
        c[dk::mma_c_row(lane, r) * 8 + dk::mma_c_column(lane, r)] = sums[r];
    }
}
DK_KERNEL(product_tf32);

#endif
