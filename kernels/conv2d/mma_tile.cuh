// A block's tile of a matrix product on tensor cores, result(row, column) = sum over r of a(row, r) * b(column, r).
//
// Both operands pass through a ring of stages in shared memory, each 64 bytes of the reduction deep, which asynchronous copies fill
// Stages - 1 steps ahead. A warp multiplies 64 x 32 (or 32 x 32) of the tile from it.
#pragma once

#include "../ptx/cp_async.cuh"
#include "products.cuh"
#include "swizzle.cuh"

namespace dk {

// Blocks bounds a thread's registers, so that as many blocks fit a multiprocessor: 128 with two of 256 threads, 168 with three of 128, 255 with two.
template <int Rows_, int Columns_, int WarpRows_, int Stages_, int Blocks_>
struct MmaTile {
    static constexpr int Rows = Rows_, Columns = Columns_, Stages = Stages_;
    static constexpr int WarpRows = WarpRows_, WarpColumns = 32;
    static constexpr int M = WarpRows / 16, N = WarpColumns / 8;
    static constexpr int WarpsAcross = Columns / WarpColumns;
    static constexpr int Threads = 32 * (Rows / WarpRows) * WarpsAcross;
    static constexpr int StepBytes = 64;
    static constexpr int StageBytes = (Rows + Columns) * StepBytes, RingBytes = Stages * StageBytes;
    static constexpr int BlocksPerMultiprocessor = Blocks_;

    static_assert(RingBytes <= 48 * 1024, "what a kernel may have without asking, and two of it in the 100 KB of sm_86 and sm_89");

    // Where the warp's part starts.
    __device__ __forceinline__ static int first_row() { return static_cast<int>(threadIdx.x) / 32 / WarpsAcross * WarpRows; }
    __device__ __forceinline__ static int first_column() { return static_cast<int>(threadIdx.x) / 32 % WarpsAcross * WarpColumns; }
};

// Adds `steps` steps of the reduction to sum. operands.copy(a, b) begins to copy the next step into a stage, operands.multiply(a, b, sum) adds one.
template <class Tile, class Operands>
__device__ __forceinline__ void reduce(Operands& operands, int steps, unsigned char* ring, float (&sum)[Tile::M][Tile::N][4])
{
    constexpr int B = Tile::Rows * Tile::StepBytes;
#pragma unroll
    for (int s = 0; s < Tile::Stages - 1; s++) {
        if (s < steps) {
            operands.copy(ring + s * Tile::StageBytes, ring + s * Tile::StageBytes + B);
        }

        cp_async_commit();
    }

    unsigned char* full = ring;
    unsigned char* free = ring + (Tile::Stages - 1) * Tile::StageBytes;
#pragma unroll 1
    for (int step = 0; step < steps; step++) {
        // Now this step's stage is there, and everybody has left the one before it, which is filled again.
        cp_async_wait<Tile::Stages - 2>();
        __syncthreads();
        if (step + Tile::Stages - 1 < steps) {
            operands.copy(free, free + B);
        }

        // Also where nothing was copied: the waits count groups.
        cp_async_commit();
        operands.multiply(full, full + B, sum);
        free = full;
        full = full == ring + (Tile::Stages - 1) * Tile::StageBytes ? ring : full + Tile::StageBytes;
    }
}

// A quad of lanes holds pairs of neighbouring columns, two rows of them. Afterwards the even lanes have four columns of the upper row and the odd
// ones of the lower: 4 * (lane / 2 % 2) and the next three.
__device__ __forceinline__ float4 four_columns(const float (&pairs)[4])
{
    bool lower = threadIdx.x % 2 != 0;
    float first = __shfl_xor_sync(0xFFFFFFFFu, lower ? pairs[0] : pairs[2], 1);
    float second = __shfl_xor_sync(0xFFFFFFFFu, lower ? pairs[1] : pairs[3], 1);
    return lower ? make_float4(first, second, pairs[2], pairs[3]) : make_float4(pairs[0], pairs[1], first, second);
}

}  // namespace dk
