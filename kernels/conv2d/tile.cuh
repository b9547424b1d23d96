// A block's tile of a matrix product, result(row, column) = sum over r of a(r, row) * b(r, column), in SIMT float32.
//
// Both operands pass through shared memory, Depth steps of the reduction at a time, with the tile's extent contiguous, so that a thread
// reads its share as float4. Two buffers: the next step is fetched into registers during the multiplications, as memory has it, and widened and
// stored afterwards, so there is one barrier a step.
#pragma once

#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"

namespace dk {

// A thread holds ThreadRows x ThreadColumns sums, in groups of 4 x 4 that lie Rows / (ThreadRows / 4) apart: neighbouring threads then
// read neighbouring float4s, which keeps shared memory free of bank conflicts.
template <int Rows_, int Columns_, int ThreadRows_, int ThreadColumns_>
struct ConvTile {
    static constexpr int Rows = Rows_, Columns = Columns_, Depth = 8;
    static constexpr int ThreadRows = ThreadRows_, ThreadColumns = ThreadColumns_;
    static constexpr int ThreadsAcross = Columns / ThreadColumns;
    static constexpr int Threads = Rows / ThreadRows * ThreadsAcross;
    // Bounds a thread's registers: 128 in the blocks of 256, so that two fit a multiprocessor, 168 in the smaller ones.
    static constexpr int BlocksPerMultiprocessor = (Threads == 256 ? 512 : 384) / Threads;
    static constexpr int RowGap = Rows / (ThreadRows / 4), ColumnGap = Columns / (ThreadColumns / 4);

    // Four more a line: with transposing stores, the lines of a warp then start in different halves of the banks.
    static constexpr int RowPitch = Rows + 4, ColumnPitch = Columns + 4;
    static constexpr int BufferFloats = Depth * (RowPitch + ColumnPitch);
    static constexpr int SharedFloats = 2 * BufferFloats;

    static_assert(Threads % 32 == 0 && ThreadRows % 4 == 0 && ThreadColumns % 4 == 0, "whole warps, whole groups");

    // Row or column of the thread's i-th sum within the tile.
    __device__ __forceinline__ static int row(int i) { return i / 4 * RowGap + static_cast<int>(threadIdx.x) / ThreadsAcross * 4 + i % 4; }
    __device__ __forceinline__ static int column(int i) { return i / 4 * ColumnGap + static_cast<int>(threadIdx.x) % ThreadsAcross * 4 + i % 4; }
};

template <int Count>
__device__ __forceinline__ void read_groups(const float* line, int gap, float (&values)[Count])
{
#pragma unroll
    for (int i = 0; i < Count; i += 4) {
        float4 group = *reinterpret_cast<const float4*>(line + i / 4 * gap);
        values[i] = group.x;
        values[i + 1] = group.y;
        values[i + 2] = group.z;
        values[i + 3] = group.w;
    }
}

template <class Tile>
__device__ __forceinline__ void multiply(const float* a, const float* b, float (&sum)[Tile::ThreadRows][Tile::ThreadColumns])
{
    a += Tile::row(0);
    b += Tile::column(0);
#pragma unroll
    for (int r = 0; r < Tile::Depth; r++) {
        float row[Tile::ThreadRows], column[Tile::ThreadColumns];
        read_groups(a + r * Tile::RowPitch, Tile::RowGap, row);
        read_groups(b + r * Tile::ColumnPitch, Tile::ColumnGap, column);
#pragma unroll
        for (int i = 0; i < Tile::ThreadRows; i++) {
#pragma unroll
            for (int j = 0; j < Tile::ThreadColumns; j++) {
                sum[i][j] = fmaf(row[i], column[j], sum[i][j]);
            }
        }
    }
}

// Adds `steps` steps of the reduction to sum. operands.fetch() loads the next step into registers, operands.put(a, b) stores it.
template <class Tile, class Operands>
__device__ __forceinline__ void reduce(Operands& operands, int steps, float* shared, float (&sum)[Tile::ThreadRows][Tile::ThreadColumns])
{
    if (steps == 0) {
        return;
    }

    constexpr int B = Tile::Depth * Tile::RowPitch;
    operands.fetch();
    operands.put(shared, shared + B);
    __syncthreads();
    float* current = shared;
    float* next = shared + Tile::BufferFloats;
#pragma unroll 1
    for (;;) {
        bool more = --steps > 0;
        if (more) {
            operands.fetch();
        }

        multiply<Tile>(current, current + B, sum);
        if (!more) {
            break;
        }

        operands.put(next, next + B);
        __syncthreads();
        float* swap = current;
        current = next;
        next = swap;
    }
}

// How a block's threads share a tile whose lines are contiguous in global memory along the reduction: they store it transposed, rounded to Product,
// the type that the product takes.
template <class Tile, int Extent_, int Pitch, int Width_>
struct AlongReduction {
    static constexpr int Extent = Extent_, Width = Width_;
    static constexpr int PerLine = Tile::Depth / Width, LinesPerPass = Tile::Threads / PerLine;
    static constexpr int Passes = (Extent + LinesPerPass - 1) / LinesPerPass;

    // The first step of the reduction that the thread fetches, and its line in a pass.
    __device__ __forceinline__ static int depth() { return static_cast<int>(threadIdx.x) % PerLine * Width; }
    __device__ __forceinline__ static int line(int pass) { return static_cast<int>(threadIdx.x) / PerLine + pass * LinesPerPass; }
    __device__ __forceinline__ static bool takes_part(int pass) { return Extent % LinesPerPass == 0 || line(pass) < Extent; }

    template <class Product, class T>
    __device__ __forceinline__ static void put(float* tile, const Packed<T, Width> (&values)[Passes])
    {
#pragma unroll
        for (int pass = 0; pass < Passes; pass++) {
            if (takes_part(pass)) {
#pragma unroll
                for (int i = 0; i < Width; i++) {
                    tile[(depth() + i) * Pitch + line(pass)] = round_to<Product>(values[pass].get(i));
                }
            }
        }
    }
};

// The same for a tile whose lines are contiguous across it, one line a step of the reduction: stored as they come.
template <class Tile, int Extent_, int Pitch, int Width_>
struct AcrossReduction {
    static constexpr int Extent = Extent_, Width = Width_;
    static constexpr int PerLine = Extent / Width, LinesPerPass = Tile::Threads / PerLine;
    static constexpr int Passes = (Tile::Depth + LinesPerPass - 1) / LinesPerPass;
    // How far the thread's place in the reduction moves after its last line of a step.
    static constexpr int LastAdvance = Tile::Depth - (Passes - 1) * LinesPerPass;
    static constexpr bool IsExact = Tile::Depth % LinesPerPass == 0 && Tile::Threads % PerLine == 0;

    static_assert(LinesPerPass > 0, "a pass holds whole lines");

    __device__ __forceinline__ static int place() { return static_cast<int>(threadIdx.x) % PerLine * Width; }
    __device__ __forceinline__ static int depth(int pass) { return static_cast<int>(threadIdx.x) / PerLine + pass * LinesPerPass; }
    __device__ __forceinline__ static bool takes_part(int pass) { return IsExact || (depth(0) < LinesPerPass && depth(pass) < Tile::Depth); }

    template <class Product, class T>
    __device__ __forceinline__ static void put(float* tile, const Packed<T, Width> (&values)[Passes])
    {
#pragma unroll
        for (int pass = 0; pass < Passes; pass++) {
            if (takes_part(pass)) {
                float* target = tile + depth(pass) * Pitch + place();
                Floats<Width> v;
#pragma unroll
                for (int i = 0; i < Width; i++) {
                    v.at[i] = round_to<Product>(values[pass].get(i));
                }

                store_floats<Width>(target, v);
            }
        }
    }
};

}  // namespace dk
