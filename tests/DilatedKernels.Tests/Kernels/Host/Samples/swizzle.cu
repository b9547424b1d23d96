// places(row, granule) of the convolution's swizzled tiles, for rows of 4, 8, 16 and 32 granules: one thread a granule, one block a row.
#include "conv2d/swizzle.cuh"

extern "C" __global__ void swizzled_places(int* places, int granules)
{
    int row = static_cast<int>(blockIdx.x), granule = static_cast<int>(threadIdx.x);
    places[row * granules + granule] = granules == 4 ? dk::SwizzledRows<4>::place(row, granule)
        : granules == 8                              ? dk::SwizzledRows<8>::place(row, granule)
        : granules == 16                             ? dk::SwizzledRows<16>::place(row, granule)
                                                     : dk::SwizzledRows<32>::place(row, granule);
}
DK_KERNEL(swizzled_places);
