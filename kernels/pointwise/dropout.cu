// dropout_f32, dropout_bf16: y(i) = word(i) >= threshold ? x(i) * scale : 0, with scale = 1 / (1 - rate) and threshold = rate * 2^32. Its own backward pass.
//
// Words     word(i) is word i mod 4 of Philox with the seed as key and (i / 4, layer, step) as counter: no mask is stored, the backward pass
//           draws the same words again, and every device draws the same.
// Layout    any; count elements of float32 or bfloat16, contiguous, addresses multiples of 16. y may be x.
// Grid      any number of blocks of any size; a thread takes the four elements of one counter at a time.
// Bytes     8 an element in float32, 4 in bfloat16, and some 15 integer instructions: bound by memory. At 8 x 512 x 66 x 66 (17.8 M elements):
//           143 MB and 71 MB.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/step_value.cuh"
#include "philox.cuh"

namespace {

template <class T>
__device__ __forceinline__ void dropout(
    const T* x, T* y, long long count, unsigned threshold, float scale, unsigned long long seed, unsigned long long step, unsigned layer)
{
    long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long block = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; 4 * block < count; block += stride) {
        uint4 drawn = dk::philox(
            seed, make_uint4(static_cast<unsigned>(block), layer, static_cast<unsigned>(step), static_cast<unsigned>(step >> 32)));
        const unsigned words[4] = {drawn.x, drawn.y, drawn.z, drawn.w};
        if (4 * block + 4 <= count) {
            dk::Floats<4> v = dk::load_floats<4>(x + 4 * block);
            for (int k = 0; k < 4; k++) {
                v.at[k] = words[k] >= threshold ? v.at[k] * scale : 0.0f;
            }

            dk::store_floats<4>(y + 4 * block, v);
            continue;
        }

        for (int k = 0; k < 3; k++) {
            long long i = 4 * block + k;
            if (i < count) {
                dk::store(y + i, words[k] >= threshold ? dk::to_float(x[i]) * scale : 0.0f);
            }
        }
    }
}

}  // namespace

#define DK_DROPOUT(name, T) \
    extern "C" __global__ void __launch_bounds__(256) name( \
        const T* x, T* y, long long count, unsigned threshold, float scale, unsigned long long seed, dk::StepValue<unsigned long long> step, \
        unsigned layer) \
    { \
        dropout(x, y, count, threshold, scale, seed, step.get(), layer); \
    } \
    DK_KERNEL(name)

DK_DROPOUT(dropout_f32, float);
DK_DROPOUT(dropout_bf16, dk::bf16);
