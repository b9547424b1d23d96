// sparse_product_f32:   y(n, i, c) = z(n, i, c) + scale * sum over k from first(i) to first(i + 1) - 1 of weight(k) x(n, column(k), c)
//
// A sparse matrix times every channel: a Gaussian filter over the permutohedral lattice is a row of such products, splat, blur along each axis, and
// slice. Each is a gather by its row's owner, so there are no atomics, and sums are in the order of the entries.
// Layout    x: batch x columns x channels, y and z (null: none): batch x rows x channels, float32. z may be y. A unit is one element, or 128 bits in the
//           f32x4 kernel, which needs channels and addresses to be multiples of that; `channels` counts units. Entries are pairs, read 64 bits at a time.
// Grid      rows of all images x units of a row, see dk/rows.cuh: the threads of a row read one entry together and one row of x side by side. The host
//           cuts rows to at most 256 entries (SparseMatrix), so no thread's sum is long, in time or in rounding error.
// Bytes     8 an entry, 4 a row, and 4 a channel for each entry's x, mostly from the L2, and for y and z. 500 x 375 pixels of 24 channels, 0.35 lattice
//           points a pixel, position and colour: splat and slice 9 MB of entries and 108 MB of x each, of which 18 MB and 6 MB are different; a blur up to
//           2 MB and 19 MB. Bound by the L2.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/rows.cuh"

namespace {

struct alignas(8) Entry {
    int column;
    float weight;
};

struct Geometry {
    int batch, channels, rows, columns;
};

template <int Width>
__device__ __forceinline__ void sparse_product(
    const Geometry& g, const int* first, const Entry* entries, const float* x, const float* z, float scale, float* y)
{
    dk::for_each_in_rows(g.batch * g.rows, g.channels, [=](int row, int unit) {
        int n = row / g.rows, i = row - n * g.rows;
        const float* image = x + Width * (static_cast<long long>(n) * g.columns * g.channels + unit);
        dk::Floats<Width> sum = {};
        int end = first[i + 1];
        for (int k = first[i]; k < end; k++) {
            Entry entry = entries[k];
            dk::Floats<Width> value = dk::load_floats<Width>(image + Width * (static_cast<long long>(entry.column) * g.channels));
#pragma unroll
            for (int j = 0; j < Width; j++) {
                sum.at[j] = fmaf(entry.weight, value.at[j], sum.at[j]);
            }
        }

        long long target = Width * (static_cast<long long>(row) * g.channels + unit);
        dk::Floats<Width> result = {};
        if (z != nullptr) {
            result = dk::load_floats<Width>(z + target);
        }

#pragma unroll
        for (int j = 0; j < Width; j++) {
            result.at[j] = fmaf(scale, sum.at[j], result.at[j]);
        }

        dk::store_floats<Width>(y + target, result);
    });
}

}  // namespace

#define DK_SPARSE_PRODUCT(name, Width) \
    extern "C" __global__ void __launch_bounds__(256) name( \
        Geometry geometry, const int* first, const Entry* entries, const float* x, const float* z, float scale, float* y) \
    { \
        sparse_product<Width>(geometry, first, entries, x, z, scale, y); \
    } \
    DK_KERNEL(name)

DK_SPARSE_PRODUCT(sparse_product_f32, 1);
DK_SPARSE_PRODUCT(sparse_product_f32x4, 4);
