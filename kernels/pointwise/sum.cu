// sum_of_squares_partial_f32:   partial(b) = sum of x(i)^2 over the elements that block b visits
// sum_partials_f32:             result = (sum over b of partial(b)) / divisor
//
// In double precision and always in the same order, so the bits depend on the number of blocks alone, which the host takes from the count.
// Layout    x: count elements of float32, contiguous, address a multiple of 16. partial: one double a block. result: one float.
// Grid      first kernel: any number of blocks of 256; second: one block of 256.
// Bytes     4 an element; 2.4 M weights: 9.4 MB. Double precision is 1/64 of the rate on small GPUs; at one multiply-add for 4 bytes
//           memory is still about as slow.
#include "../dk/cuda.cuh"
#include "../dk/reduce.cuh"
#include "../dk/step_value.cuh"

namespace {

constexpr int Threads = 256;

__device__ __forceinline__ double add_square(double sum, float v) { return fma(static_cast<double>(v), static_cast<double>(v), sum); }

}  // namespace

extern "C" __global__ void __launch_bounds__(Threads) sum_of_squares_partial_f32(const float* x, double* partial, long long count)
{
    DK_SHARED(double, sums, Threads / 32);
    long long first = static_cast<long long>(blockIdx.x) * Threads + threadIdx.x, stride = static_cast<long long>(gridDim.x) * Threads;
    double sum = 0.0;
    for (long long i = first; i < count / 4; i += stride) {
        float4 v = reinterpret_cast<const float4*>(x)[i];
        sum = add_square(add_square(add_square(add_square(sum, v.x), v.y), v.z), v.w);
    }

    long long last = count / 4 * 4 + first;
    if (last < count) {
        sum = add_square(sum, x[last]);
    }

    sum = dk::block_sum_to_first<Threads / 32>(sum, sums);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
    }
}
DK_KERNEL(sum_of_squares_partial_f32);

extern "C" __global__ void __launch_bounds__(Threads) sum_partials_f32(const double* partial, int count, dk::StepValue<double> divisor, float* result)
{
    DK_SHARED(double, sums, Threads / 32);
    double sum = 0.0;
    for (int i = threadIdx.x; i < count; i += Threads) {
        sum += partial[i];
    }

    sum = dk::block_sum_to_first<Threads / 32>(sum, sums);
    if (threadIdx.x == 0) {
        result[0] = static_cast<float>(sum / divisor.get());
    }
}
DK_KERNEL(sum_partials_f32);
