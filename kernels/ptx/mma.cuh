// mma.sync (sm_80 and up): one warp multiplies a 16 x K by a K x 8 tile and adds to a 16 x 8 tile of float32.
//
//   MmaBf16: K = 16, bfloat16;   MmaTf32: K = 8, float32 whose low 13 mantissa bits are ignored (round with to_tf32 first)
//
// What a lane holds, with group = lane / 4 and in_group = lane % 4:
//
//   A, bf16   a[r] = two elements, row group + 8 * (r % 2), columns 2 * in_group + 8 * (r / 2) and the next
//   A, tf32   a[r] = row group + 8 * (r % 2), column in_group + 4 * (r / 2)
//   B, bf16   b[r] = two elements, rows 2 * in_group + 8 * r and the next, column group
//   B, tf32   b[r] = row in_group + 4 * r, column group
//   C, both   c[r] = row group + 8 * (r / 2), column 2 * in_group + r % 2
//
// On the host the sum of a product's terms is exact, then cut off (host/tensor_core.h); a device may keep a few bits less of each term.
#pragma once

#include "../dk/cuda.cuh"

#if !defined(__CUDACC__)
#include "../host/tensor_core.h"
#endif

namespace dk {

struct MmaBf16 {
    static constexpr int K = 16;
    static constexpr int PerRegister = 2;
    __host__ __device__ static constexpr int a_row(int lane, int r, int) { return lane / 4 + 8 * (r % 2); }
    __host__ __device__ static constexpr int a_column(int lane, int r, int half) { return 2 * (lane % 4) + 8 * (r / 2) + half; }
    __host__ __device__ static constexpr int b_row(int lane, int r, int half) { return 2 * (lane % 4) + 8 * r + half; }
    __host__ __device__ static constexpr int b_column(int lane) { return lane / 4; }
};

struct MmaTf32 {
    static constexpr int K = 8;
    static constexpr int PerRegister = 1;
    __host__ __device__ static constexpr int a_row(int lane, int r, int) { return lane / 4 + 8 * (r % 2); }
    __host__ __device__ static constexpr int a_column(int lane, int r, int) { return lane % 4 + 4 * (r / 2); }
    __host__ __device__ static constexpr int b_row(int lane, int r, int) { return lane % 4 + 4 * r; }
    __host__ __device__ static constexpr int b_column(int lane) { return lane / 4; }
};

__host__ __device__ constexpr int mma_c_row(int lane, int r) { return lane / 4 + 8 * (r / 2); }
__host__ __device__ constexpr int mma_c_column(int lane, int r) { return 2 * (lane % 4) + r % 2; }

#if defined(__CUDACC__)

// c += a * b
__device__ __forceinline__ void mma_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ void mma_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The nearest TF32 value, ties away from zero, as a register of mma_tf32: the low 13 bits are undefined.
__device__ __forceinline__ unsigned to_tf32(float v)
{
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(bits) : "f"(v));
    return bits;
}

#else

namespace host {

struct MmaLane {
    float* c;
    const unsigned* a;
    const unsigned* b;
};

template <class Shape>
__attribute__((no_sanitize("thread"))) inline float mma_element(unsigned bits, int half)
{
    // A bfloat16 is the upper half of a float32; TF32 drops the low 13 bits.
    return __uint_as_float(Shape::PerRegister == 2 ? (half == 0 ? bits << 16 : bits & 0xFFFF0000u) : bits & 0xFFFFE000u);
}

template <class Shape>
DK_HOST_UNWATCHED void complete_mma(void* const* lanes)
{
    float a[16][Shape::K], b[Shape::K][8], sums[16][8];
    for (int i = 0; i < 32; i++) {
        const MmaLane& lane = *static_cast<const MmaLane*>(lanes[i]);
        for (int half = 0; half < Shape::PerRegister; half++) {
            for (int r = 0; r < 4; r++) {
                a[Shape::a_row(i, r, half)][Shape::a_column(i, r, half)] = mma_element<Shape>(lane.a[r], half);
            }

            for (int r = 0; r < 2; r++) {
                b[Shape::b_row(i, r, half)][Shape::b_column(i)] = mma_element<Shape>(lane.b[r], half);
            }
        }
    }

    for (int i = 0; i < 32; i++) {
        const MmaLane& lane = *static_cast<const MmaLane*>(lanes[i]);
        for (int r = 0; r < 4; r++) {
            sums[mma_c_row(i, r)][mma_c_column(i, r)] = lane.c[r];
        }
    }

    for (int row = 0; row < 16; row++) {
        double exact[8];
        for (int column = 0; column < 8; column++) {
            exact[column] = sums[row][column];
        }

        for (int k = 0; k < Shape::K; k++) {
            for (int column = 0; column < 8; column++) {
                exact[column] += static_cast<double>(a[row][k]) * b[k][column];
            }
        }

        for (int column = 0; column < 8; column++) {
            sums[row][column] = cut_off(exact[column]);
        }
    }

    for (int i = 0; i < 32; i++) {
        const MmaLane& lane = *static_cast<const MmaLane*>(lanes[i]);
        for (int r = 0; r < 4; r++) {
            lane.c[r] = sums[mma_c_row(i, r)][mma_c_column(i, r)];
        }
    }
}

inline constexpr WarpOperation mma_bf16_operation{"mma.m16n8k16.bf16", complete_mma<MmaBf16>, false};
inline constexpr WarpOperation mma_tf32_operation{"mma.m16n8k8.tf32", complete_mma<MmaTf32>, false};

}  // namespace host

inline void mma_bf16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], std::source_location where = std::source_location::current())
{
    host::MmaLane lane{c, a, b};
    host::meet_warp(host::mma_bf16_operation, 0xFFFFFFFFu, &lane, where);
}

inline void mma_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2], std::source_location where = std::source_location::current())
{
    host::MmaLane lane{c, a, b};
    host::meet_warp(host::mma_tf32_operation, 0xFFFFFFFFu, &lane, where);
}

inline unsigned to_tf32(float v)
{
    unsigned bits = __float_as_uint(v);
    bool finite = (bits & 0x7F800000u) != 0x7F800000u;
    // The low bits stay, as in what ptxas makes of it: who takes them for part of the value is found out here.
    return finite ? bits + 0x1000u : bits;
}

#endif

// The value in a register of mma_tf32.
__device__ __forceinline__ float tf32_value(unsigned bits) { return __uint_as_float(bits & 0xFFFFE000u); }

}  // namespace dk
