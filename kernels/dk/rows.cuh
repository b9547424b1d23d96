// A loop over the rows of a channels-last map and the units (one element, or 128 bits of them) of each row, where a 2-D grid of 2-D blocks covers any
// part of them: x strides over the units of a row, y over the rows. No division by the width of a row is needed.
#pragma once

#include "cuda.cuh"

namespace dk {

template <class Body>
__device__ __forceinline__ void for_each_in_rows(int rows, int units, Body body)
{
    unsigned row_stride = gridDim.y * blockDim.y, unit_stride = gridDim.x * blockDim.x;
    for (unsigned row = blockIdx.y * blockDim.y + threadIdx.y; row < static_cast<unsigned>(rows); row += row_stride) {
        for (unsigned unit = blockIdx.x * blockDim.x + threadIdx.x; unit < static_cast<unsigned>(units); unit += unit_stride) {
            body(static_cast<int>(row), static_cast<int>(unit));
        }
    }
}

}  // namespace dk
