// A block's pixels in shared memory. Memory is read and written in whole lines, four floats a thread; then each thread has one pixel's channels
// to itself. The distance between pixels is odd, so the 32 lanes of a warp that read channel c fall into 32 different banks.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

// Pixels, and threads, of a block.
constexpr int TilePixels = 128;

// Blocks that a multiprocessor holds at the least: leaves 128 registers a thread, enough for 64 scores without spilling.
constexpr int TileBlocks = 4;

struct PixelTile {
    float* memory; // TilePixels * (channels | 1) floats
    int channels;
    int floats;    // of the pixels that are there
    long long start;

    __device__ __forceinline__ PixelTile(float* memory, long long positions, int channels)
        : memory(memory), channels(channels), start(static_cast<long long>(blockIdx.x) * TilePixels * channels)
    {
        long long left = positions - static_cast<long long>(blockIdx.x) * TilePixels;
        floats = static_cast<int>(left < TilePixels ? left : TilePixels) * channels;
    }

    __device__ __forceinline__ bool has_pixel() const { return static_cast<int>(threadIdx.x) * channels < floats; }

    // This thread's pixel.
    __device__ __forceinline__ float* pixel() const { return memory + threadIdx.x * (channels | 1); }

    // The caller puts barriers before (if the tile is in use) and after.
    __device__ __forceinline__ void load(const float* x) const
    {
        for_each_quad([=, this](int i, float* const (&at)[4], int count) {
            if (count == 4) {
                float4 v = *reinterpret_cast<const float4*>(x + start + i);
                *at[0] = v.x;
                *at[1] = v.y;
                *at[2] = v.z;
                *at[3] = v.w;
                return;
            }

            for (int k = 0; k < 3; k++) {
                if (k < count) {
                    *at[k] = x[start + i + k];
                }
            }
        });
    }

    // The caller puts a barrier before.
    __device__ __forceinline__ void store(float* y) const
    {
        for_each_quad([=, this](int i, float* const (&at)[4], int count) {
            if (count == 4) {
                *reinterpret_cast<float4*>(y + start + i) = make_float4(*at[0], *at[1], *at[2], *at[3]);
                return;
            }

            for (int k = 0; k < 3; k++) {
                if (k < count) {
                    y[start + i + k] = *at[k];
                }
            }
        });
    }

private:
    // A tile starts at a multiple of 16 bytes, for 128 pixels are a multiple of four floats.
    template <class Body>
    __device__ __forceinline__ void for_each_quad(Body body) const
    {
        for (int i = 4 * threadIdx.x; i < floats; i += 4 * TilePixels) {
            int p = i / channels, c = i - p * channels;
            float* at[4];
            for (int k = 0; k < 4; k++) {
                at[k] = memory + p * (channels | 1) + c;
                if (++c == channels) {
                    c = 0;
                    p++;
                }
            }

            body(i, at, floats - i < 4 ? floats - i : 4);
        }
    }
};

// A pixel's scores in registers: Padded at compile time, of which the first `channels` are there.
template <int Padded>
struct PixelScores {
    float at[Padded];

    __device__ __forceinline__ void load(const float* pixel, int channels)
    {
#pragma unroll
        for (int c = 0; c < Padded; c++) {
            at[c] = c < channels ? pixel[c] : -INFINITY;
        }
    }

    __device__ __forceinline__ float maximum() const
    {
        float most = at[0];
#pragma unroll
        for (int c = 1; c < Padded; c++) {
            most = fmaxf(most, at[c]);
        }

        return most;
    }

    // Replaces the scores by e^(score - most) and returns their sum; what is not there adds 0.
    __device__ __forceinline__ float exponentiate(float most, int channels)
    {
        float sum = 0.0f;
#pragma unroll
        for (int c = 0; c < Padded; c++) {
            at[c] = c < channels ? expf(at[c] - most) : 0.0f;
            sum += at[c];
        }

        return sum;
    }

    __device__ __forceinline__ void store_scaled(float* pixel, float factor, int channels) const
    {
#pragma unroll
        for (int c = 0; c < Padded; c++) {
            if (c < channels) {
                pixel[c] = at[c] * factor;
            }
        }
    }
};

}  // namespace dk
