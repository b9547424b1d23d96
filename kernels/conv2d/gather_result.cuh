// Where the tensor-core kernels of the forward pass and the data gradient store their sums: 16 bytes at a time where the channels allow.
#pragma once

#include "geometry.cuh"

namespace dk {

// A granule of the result in four words.
__device__ __forceinline__ float element(const uint4& granule, int index, float)
{
    return __uint_as_float(index == 0 ? granule.x : index == 1 ? granule.y : index == 2 ? granule.z : granule.w);
}

__device__ __forceinline__ __nv_bfloat16 element(const uint4& granule, int index, __nv_bfloat16)
{
    unsigned word = index / 2 == 0 ? granule.x : index / 2 == 1 ? granule.y : index / 2 == 2 ? granule.z : granule.w;
    return __ushort_as_bfloat16(static_cast<unsigned short>(index % 2 == 0 ? word & 0xFFFFu : word >> 16));
}

// The elements of a word whose gates are positive, zeros for the others.
__device__ __forceinline__ unsigned gated(unsigned word, unsigned gates, float) { return __uint_as_float(gates) > 0.0f ? word : 0u; }

__device__ __forceinline__ unsigned gated(unsigned word, unsigned gates, __nv_bfloat16)
{
    return (__uint_as_float(gates << 16) > 0.0f ? word & 0xFFFFu : 0u) | (__uint_as_float(gates & 0xFFFF0000u) > 0.0f ? word & 0xFFFF0000u : 0u);
}

// Where a tile's sums go.
template <class Element>
struct GatherResult {
    static constexpr int PerGranule = 16 / sizeof(Element);

    const ConvGather& g;
    Element* result;
    const Element* mask;
    bool whole_granules;

    // Of a position of the rectangle, which may be one of several that share the result.
    __device__ __forceinline__ long long pixel(int position) const
    {
        if (g.rows.count == g.rows.result && g.columns.count == g.columns.result) {
            return position;
        }

        PositionWalk at(g, position);
        return (static_cast<long long>(at.image) * g.rows.result + at.row * g.rows.result_stride + g.rows.result_offset) * g.columns.result
            + at.column * g.columns.result_stride + g.columns.result_offset;
    }

    // Zero where there is a mask that is not positive.
    __device__ __forceinline__ void store(long long pixel, int channel, uint4 granule) const
    {
        long long place = pixel * g.result_channels + channel;
        if (whole_granules && channel < g.result_channels) {
            if (mask) {
                uint4 gates = *reinterpret_cast<const uint4*>(mask + place);
                granule = make_uint4(gated(granule.x, gates.x, Element()), gated(granule.y, gates.y, Element()), gated(granule.z, gates.z, Element()),
                    gated(granule.w, gates.w, Element()));
            }

            *reinterpret_cast<uint4*>(result + place) = granule;
        } else {
#pragma unroll
            for (int k = 0; k < PerGranule; k++) {
                if (channel + k < g.result_channels) {
                    bool open = !mask || static_cast<float>(mask[place + k]) > 0.0f;
                    result[place + k] = open ? element(granule, k, Element()) : Element(0.0f);
                }
            }
        }
    }
};

// Not fmaxf, which would turn NaN into 0.
__device__ __forceinline__ float through(bool relu, float value) { return relu && value < 0.0f ? 0.0f : value; }

__device__ __forceinline__ unsigned bf16_pair(float low, float high)
{
    return __bfloat16_as_ushort(__float2bfloat16(low)) | static_cast<unsigned>(__bfloat16_as_ushort(__float2bfloat16(high))) << 16;
}

// Lane q of a quad has word q of each of four granules; afterwards it has the four words of granule q.
__device__ __forceinline__ void transpose_quad(unsigned (&words)[4])
{
#pragma unroll
    for (int distance = 1; distance <= 2; distance *= 2) {
        bool upper = (threadIdx.x & distance) != 0;
#pragma unroll
        for (int pair = 0; pair < 2; pair++) {
            int low = distance == 1 ? 2 * pair : pair, high = low + distance;
            unsigned received = __shfl_xor_sync(0xFFFFFFFFu, upper ? words[low] : words[high], distance);
            words[low] = upper ? received : words[low];
            words[high] = upper ? words[high] : received;
        }
    }
}

}  // namespace dk
