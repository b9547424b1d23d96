// __nv_bfloat16 with the conversions of cuda_bf16.h: round to nearest, ties to even; every NaN becomes 0x7FFF.
#pragma once

#include <bit>
#include <cstdint>

struct alignas(2) __nv_bfloat16_raw { unsigned short x; };

struct alignas(2) __nv_bfloat16 {
    __nv_bfloat16() = default;
    __nv_bfloat16(__nv_bfloat16_raw raw) : bits(raw.x) {}
    __nv_bfloat16(float value) : bits(round(value)) {}
    operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
    operator __nv_bfloat16_raw() const { return {bits}; }

    unsigned short bits;

private:
    static unsigned short round(float value)
    {
        std::uint32_t u = std::bit_cast<std::uint32_t>(value);
        if ((u & 0x7FFFFFFFu) > 0x7F800000u) {
            return 0x7FFF;
        }

        // Adding just under half, or half when the kept part is odd, carries into it exactly when it must round up.
        return static_cast<unsigned short>((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
    }
};

struct alignas(4) __nv_bfloat162 { __nv_bfloat16 x, y; };

using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

inline __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
inline float __bfloat162float(__nv_bfloat16 value) { return value; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
inline float __low2float(__nv_bfloat162 pair) { return pair.x; }
inline float __high2float(__nv_bfloat162 pair) { return pair.y; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return __nv_bfloat16_raw{bits}; }
