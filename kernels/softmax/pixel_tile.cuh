// A block's pixels in shared memory, as float32. Memory is read and written in whole lines, 128 bits a thread; then each thread has one pixel's
// channels to itself. The distance between pixels is odd, so the 32 lanes of a warp that read channel c fall into 32 different banks.
#pragma once

#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"

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
    template <class T>
    __device__ __forceinline__ void load(const T* x) const
    {
        for_each_group<dk::Wide<T>>([=, this]<int Width>(int i, float* const (&at)[Width], int count) {
            if (count == Width) {
                Floats<Width> v = load_floats<Width>(x + start + i);
#pragma unroll
                for (int k = 0; k < Width; k++) {
                    *at[k] = v.at[k];
                }

                return;
            }

#pragma unroll
            for (int k = 0; k < Width - 1; k++) {
                if (k < count) {
                    *at[k] = to_float(x[start + i + k]);
                }
            }
        });
    }

    // The caller puts a barrier before.
    template <class T>
    __device__ __forceinline__ void store(T* y) const
    {
        for_each_group<dk::Wide<T>>([=, this]<int Width>(int i, float* const (&at)[Width], int count) {
            if (count == Width) {
                Floats<Width> v;
#pragma unroll
                for (int k = 0; k < Width; k++) {
                    v.at[k] = *at[k];
                }

                store_floats<Width>(y + start + i, v);
                return;
            }

#pragma unroll
            for (int k = 0; k < Width - 1; k++) {
                if (k < count) {
                    dk::store(y + start + i + k, *at[k]);
                }
            }
        });
    }

private:
    // A tile starts at a multiple of 16 bytes, for 128 pixels are a multiple of eight elements.
    template <int Width, class Body>
    __device__ __forceinline__ void for_each_group(Body body) const
    {
        for (int i = Width * threadIdx.x; i < floats; i += Width * TilePixels) {
            int p = i / channels, c = i - p * channels;
            float* at[Width];
#pragma unroll
            for (int k = 0; k < Width; k++) {
                at[k] = memory + p * (channels | 1) + c;
                if (++c == channels) {
                    c = 0;
                    p++;
                }
            }

            body(i, at, floats - i < Width ? floats - i : Width);
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
