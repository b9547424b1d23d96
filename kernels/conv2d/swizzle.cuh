// Where the 16-byte granules of a tile's row lie in shared memory, so that no access of a warp meets a bank twice.
//
// Shared memory serves 128 bytes at a time: 8 granules, one from each of its 8 columns of 4 banks. A granule's column is exchanged with that
// of another granule of its row by XOR with a few bits of the row, which makes these three at once free of conflicts:
//
//   copies     8 neighbouring lanes write 8 neighbouring granules (two rows of 4, or 8 of one row)
//   ldmatrix   8 lanes read the same granule of 8 neighbouring rows
//   loads      8 lanes read 2 neighbouring granules of 4 neighbouring rows (float32 in the weight gradient, long rows only)
//
// SwizzleTests.cs counts them.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

template <int Granules_>
struct SwizzledRows {
    static constexpr int Granules = Granules_, RowBytes = 16 * Granules;

    // Rows so far apart have their granules in the same order.
    static constexpr int Period = 8;

    static_assert(Granules == 4 || Granules % 8 == 0, "half a line of shared memory, or whole ones");

    // The offset in bytes of a granule of a row.
    __host__ __device__ static constexpr int place(int row, int granule)
    {
        // Two short rows share a line. The first four long ones get even numbers, so that pairs of granules stay apart.
        int exchange = Granules == 4 ? row / 2 % 4 : 2 * (row % 4) + row / 4 % 2;
        return row * RowBytes + 16 * (granule ^ exchange);
    }
};

}  // namespace dk
