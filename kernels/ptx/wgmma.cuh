// wgmma.mma_async (sm_90a): the 128 threads of a warpgroup multiply a 64 x K by a K x N tile, both in shared memory, and add to 64 x N float32.
//
//   unsigned long long a = wgmma_operand(tile);      rows of 128 bytes of the reduction, swizzled as the copy engine does, eight to 1024 bytes
//   wgmma_fence();                                   before the first product, and after the accumulators were used
//   wgmma_bf16<N>(sums, a, b);                       K = 16;  wgmma_tf32<N>: K = 8, the low 13 bits of a float32 are ignored
//   wgmma_bf16<N>(sums, a + wgmma_step, b + wgmma_step);      the next 32 bytes of the rows
//   wgmma_bf16_across<N>(sums, a, b);                of operands that lie across the reduction, wgmma_across(tile, next): lines of 128 bytes of rows or
//                                                    columns, one for a k, those of 64 more of them `next` bytes further; the next K is + wgmma_across_step
//   wgmma_commit();                                  closes a group of products
//   wgmma_wait<1>();                                 waits until at most 1 group is on its way: operands of the others may be overwritten
//   wgmma_wait(sums);                                waits for all; now the accumulators may be used
//
// sums[r] of thread t = row 16 * (t / 32) + t % 32 / 4 + 8 * (r / 2 % 2), column 8 * (r / 4) + 2 * (t % 4) + r % 2. Both operands lie K-major: B
// has a row for a column of the product. Across the reduction (MN-major), 16-bit types alone. Operands that the threads wrote themselves need wgmma_fence_operands() by the writers first.
#pragma once

#include "mbarrier.cuh"

#if !defined(__CUDACC__)
#include "../host/warpgroup.h"
#endif

namespace dk {

__host__ __device__ constexpr int wgmma_row(int thread, int r) { return thread / 32 * 16 + thread % 32 / 4 + 8 * (r / 2 % 2); }
__host__ __device__ constexpr int wgmma_column(int thread, int r) { return r / 4 * 8 + 2 * (thread % 4) + r % 2; }

// A descriptor's start address counts 16 bytes.
inline constexpr unsigned long long wgmma_step = 2;

// 16 lines of 128 bytes.
inline constexpr unsigned long long wgmma_across_step = 16 * 128 / 16;

// Swizzle: lines of 128, 64 or 32 bytes, or 0: cores of 8 x 16 contiguous bytes. The first line is the first of eight.
//
//   along the reduction    a line is a row (of b a column): eight further lie `stride` further; without a swizzle 16 bytes of the reduction, `leading`
//   across it              a line is a k: eight further lie `stride` further, and what does not fit a line `leading`; without a swizzle the other way round
__host__ __device__ constexpr unsigned long long wgmma_descriptor(unsigned address, int swizzle, unsigned leading, unsigned stride)
{
    unsigned long long layout = swizzle == 128 ? 1 : swizzle == 64 ? 2 : swizzle == 32 ? 3 : 0;
    return (address >> 4 & 0x3FFFu) | static_cast<unsigned long long>(leading >> 4 & 0x3FFFu) << 16 | static_cast<unsigned long long>(stride >> 4 & 0x3FFFu) << 32
        | layout << 62;
}

__device__ __forceinline__ unsigned long long wgmma_operand(const void* tile) { return wgmma_descriptor(shared_address(tile), 128, 16, 1024); }
__device__ __forceinline__ unsigned long long wgmma_across(const void* tile, unsigned next) { return wgmma_descriptor(shared_address(tile), 128, next, 1024); }

#if defined(__CUDACC__)

__device__ __forceinline__ void wgmma_fence_operands() { asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory"); }
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }

template <int Pending>
__device__ __forceinline__ void wgmma_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}

// Holds the accumulators where they are: the compiler does not know that the products write them later.
template <int Count>
__device__ __forceinline__ void wgmma_hold(float (&sums)[Count])
{
#pragma unroll
    for (int i = 0; i < Count; i++) {
        asm volatile("" : "+f"(sums[i])::"memory");
    }
}

template <int Count>
__device__ __forceinline__ void wgmma_wait(float (&sums)[Count])
{
    wgmma_wait<0>();
    wgmma_hold(sums);
}

// sums += a * b
template <int N>
__device__ void wgmma_bf16(float (&sums)[N / 2], unsigned long long a, unsigned long long b);
template <int N>
__device__ void wgmma_bf16_across(float (&sums)[N / 2], unsigned long long a, unsigned long long b);
template <int N>
__device__ void wgmma_tf32(float (&sums)[N / 2], unsigned long long a, unsigned long long b);

#define DK_WGMMA_NAMES_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define DK_WGMMA_SUMS_8 "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3]), "+f"(s[4]), "+f"(s[5]), "+f"(s[6]), "+f"(s[7])
#define DK_WGMMA_NAMES_12 DK_WGMMA_NAMES_8 ", %8, %9, %10, %11"
#define DK_WGMMA_SUMS_12 DK_WGMMA_SUMS_8, "+f"(s[8]), "+f"(s[9]), "+f"(s[10]), "+f"(s[11])
#define DK_WGMMA_NAMES_24 DK_WGMMA_NAMES_12 ", %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23"
#define DK_WGMMA_SUMS_24 DK_WGMMA_SUMS_12, "+f"(s[12]), "+f"(s[13]), "+f"(s[14]), "+f"(s[15]), "+f"(s[16]), "+f"(s[17]), "+f"(s[18]), "+f"(s[19]),     \
    "+f"(s[20]), "+f"(s[21]), "+f"(s[22]), "+f"(s[23])
#define DK_WGMMA_NAMES_32 DK_WGMMA_NAMES_24 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define DK_WGMMA_SUMS_32 DK_WGMMA_SUMS_24, "+f"(s[24]), "+f"(s[25]), "+f"(s[26]), "+f"(s[27]), "+f"(s[28]), "+f"(s[29]), "+f"(s[30]), "+f"(s[31])
#define DK_WGMMA_NAMES_44 DK_WGMMA_NAMES_32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43"
#define DK_WGMMA_SUMS_44 DK_WGMMA_SUMS_32, "+f"(s[32]), "+f"(s[33]), "+f"(s[34]), "+f"(s[35]), "+f"(s[36]), "+f"(s[37]), "+f"(s[38]), "+f"(s[39]),     \
    "+f"(s[40]), "+f"(s[41]), "+f"(s[42]), "+f"(s[43])
#define DK_WGMMA_NAMES_56 DK_WGMMA_NAMES_44 ", %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55"
#define DK_WGMMA_SUMS_56 DK_WGMMA_SUMS_44, "+f"(s[44]), "+f"(s[45]), "+f"(s[46]), "+f"(s[47]), "+f"(s[48]), "+f"(s[49]), "+f"(s[50]), "+f"(s[51]),     \
    "+f"(s[52]), "+f"(s[53]), "+f"(s[54]), "+f"(s[55])
#define DK_WGMMA_NAMES_64 DK_WGMMA_NAMES_56 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define DK_WGMMA_SUMS_64 DK_WGMMA_SUMS_56, "+f"(s[56]), "+f"(s[57]), "+f"(s[58]), "+f"(s[59]), "+f"(s[60]), "+f"(s[61]), "+f"(s[62]), "+f"(s[63])
#define DK_WGMMA_NAMES_84 DK_WGMMA_NAMES_64 ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83"
#define DK_WGMMA_SUMS_84 DK_WGMMA_SUMS_64, "+f"(s[64]), "+f"(s[65]), "+f"(s[66]), "+f"(s[67]), "+f"(s[68]), "+f"(s[69]), "+f"(s[70]), "+f"(s[71]),     \
    "+f"(s[72]), "+f"(s[73]), "+f"(s[74]), "+f"(s[75]), "+f"(s[76]), "+f"(s[77]), "+f"(s[78]), "+f"(s[79]), "+f"(s[80]), "+f"(s[81]), "+f"(s[82]),     \
    "+f"(s[83])
#define DK_WGMMA_NAMES_96 DK_WGMMA_NAMES_84 ", %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define DK_WGMMA_SUMS_96 DK_WGMMA_SUMS_84, "+f"(s[84]), "+f"(s[85]), "+f"(s[86]), "+f"(s[87]), "+f"(s[88]), "+f"(s[89]), "+f"(s[90]), "+f"(s[91]),     \
    "+f"(s[92]), "+f"(s[93]), "+f"(s[94]), "+f"(s[95])
#define DK_WGMMA_NAMES_112 DK_WGMMA_NAMES_96 ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111"
#define DK_WGMMA_SUMS_112 DK_WGMMA_SUMS_96, "+f"(s[96]), "+f"(s[97]), "+f"(s[98]), "+f"(s[99]), "+f"(s[100]), "+f"(s[101]), "+f"(s[102]),              \
    "+f"(s[103]), "+f"(s[104]), "+f"(s[105]), "+f"(s[106]), "+f"(s[107]), "+f"(s[108]), "+f"(s[109]), "+f"(s[110]), "+f"(s[111])
#define DK_WGMMA_NAMES_128 DK_WGMMA_NAMES_112 ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define DK_WGMMA_SUMS_128 DK_WGMMA_SUMS_112, "+f"(s[112]), "+f"(s[113]), "+f"(s[114]), "+f"(s[115]), "+f"(s[116]), "+f"(s[117]), "+f"(s[118]),         \
    "+f"(s[119]), "+f"(s[120]), "+f"(s[121]), "+f"(s[122]), "+f"(s[123]), "+f"(s[124]), "+f"(s[125]), "+f"(s[126]), "+f"(s[127])

// The operands that follow the accumulators are %registers and up.
#define DK_WGMMA(N, registers, first, second)                                                                                                           \
    template <>                                                                                                                                         \
    __device__ __forceinline__ void wgmma_bf16<N>(float(&s)[N / 2], unsigned long long a, unsigned long long b)                                          \
    {                                                                                                                                                   \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" DK_WGMMA_NAMES_##registers "}, %" #first ", %" #second ", 1, 1, 1, 0, 0;\n" \
                     : DK_WGMMA_SUMS_##registers                                                                                                        \
                     : "l"(a), "l"(b));                                                                                                                 \
    }                                                                                                                                                   \
    template <>                                                                                                                                         \
    __device__ __forceinline__ void wgmma_bf16_across<N>(float(&s)[N / 2], unsigned long long a, unsigned long long b)                                   \
    {                                                                                                                                                   \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" DK_WGMMA_NAMES_##registers "}, %" #first ", %" #second ", 1, 1, 1, 1, 1;\n" \
                     : DK_WGMMA_SUMS_##registers                                                                                                        \
                     : "l"(a), "l"(b));                                                                                                                 \
    }                                                                                                                                                   \
    template <>                                                                                                                                         \
    __device__ __forceinline__ void wgmma_tf32<N>(float(&s)[N / 2], unsigned long long a, unsigned long long b)                                          \
    {                                                                                                                                                   \
        asm volatile("wgmma.mma_async.sync.aligned.m64n" #N "k8.f32.tf32.tf32 {" DK_WGMMA_NAMES_##registers "}, %" #first ", %" #second ", 1, 1, 1;\n"   \
                     : DK_WGMMA_SUMS_##registers                                                                                                        \
                     : "l"(a), "l"(b));                                                                                                                 \
    }

DK_WGMMA(16, 8, 8, 9)
DK_WGMMA(24, 12, 12, 13)
DK_WGMMA(48, 24, 24, 25)
DK_WGMMA(64, 32, 32, 33)
DK_WGMMA(88, 44, 44, 45)
DK_WGMMA(112, 56, 56, 57)
DK_WGMMA(128, 64, 64, 65)
DK_WGMMA(168, 84, 84, 85)
DK_WGMMA(192, 96, 96, 97)
DK_WGMMA(224, 112, 112, 113)
DK_WGMMA(256, 128, 128, 129)
#undef DK_WGMMA

#else

inline void wgmma_fence_operands() {}
inline void wgmma_fence() { host::fence_wgmma(); }
inline void wgmma_commit() { host::commit_wgmma(); }

template <int Pending>
void wgmma_wait(std::source_location where = std::source_location::current())
{
    host::wait_for_wgmma(Pending, where);
}

template <int Count>
void wgmma_hold(float (&)[Count])
{
}

template <int Count>
void wgmma_wait(float (&)[Count], std::source_location where = std::source_location::current())
{
    host::wait_for_wgmma(0, where);
}

template <int N>
void wgmma_bf16(float (&sums)[N / 2], unsigned long long a, unsigned long long b, std::source_location where = std::source_location::current())
{
    host::multiply_warpgroup(sums, N, a, b, host::WgmmaType::Bf16, host::WgmmaOrder::AlongReduction, where);
}

template <int N>
void wgmma_bf16_across(float (&sums)[N / 2], unsigned long long a, unsigned long long b, std::source_location where = std::source_location::current())
{
    host::multiply_warpgroup(sums, N, a, b, host::WgmmaType::Bf16, host::WgmmaOrder::AcrossReduction, where);
}

template <int N>
void wgmma_tf32(float (&sums)[N / 2], unsigned long long a, unsigned long long b, std::source_location where = std::source_location::current())
{
    host::multiply_warpgroup(sums, N, a, b, host::WgmmaType::Tf32, host::WgmmaOrder::AlongReduction, where);
}

#endif

// Registers of a warpgroup's threads for others of the block to have, or back: a multiple of 8 from 24 to 256; all four warps come.
template <int Registers>
__device__ __forceinline__ void setmaxnreg_decrease()
{
    static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256, "a multiple of 8 from 24 to 256");
#if defined(__CUDACC__)
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(Registers));
#endif
}

template <int Registers>
__device__ __forceinline__ void setmaxnreg_increase()
{
    static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256, "a multiple of 8 from 24 to 256");
#if defined(__CUDACC__)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(Registers));
#endif
}

}  // namespace dk
