// upsample_cross_entropy_f32, _bf16: with y(n, oy, ox, c) = sum over the two rows and two columns that (oy, ox) reads of v(oy, iy) h(ox, ix) x(n, iy, ix, c),
//                                    s = softmax(y(n, oy, ox)), l = label(n, oy, ox) and w = weights(l) (1 without weights), over outputs whose label is not `ignored`:
//                                    partial(b) = sum over the outputs of block b of -w log s(l), and, where dfirst is given, dx = dfirst + dsecond with
//                                    dfirst(n, iy, ix, c)  = sum over the outputs whose first row is iy of v h share w (s(c) - [c = l]),
//                                    dsecond(n, iy, ix, c) = the same over the outputs whose second row is iy
//
// Upsampling, softmax, cross-entropy and the way back in one: y is in no memory. The loss is the sum of partial divided by the sum of the weights of
// all outputs that count (sum_partials_f32); share is one by that sum. dfirst + dsecond is add_f32 or add_f32_to_bf16.
//
//        ix = 14        15        16        17       The outputs between two rows of inputs, iy and iy + 1, all read these two rows: a block has the ones of
//   iy      +---------+---------+---------+          some columns. A thread goes down a column of them, with what is between the two inputs to its left and
//           | . . . . | . . . . | . . . . |          right in registers, for iy and for iy + 1, and adds up two gradients for these, weighted by v. Then the
//           | . . . . | . . . . | . . . . |          block adds up across, weighted by h: a thread a cell and class. Outputs left of the block's first cell
//   iy + 1  +---------+---------+---------+          are the neighbour's too; they are computed twice (one column of cells in `cells`), and lost once.
//
// 1 - s(l) is summed from the other classes and not subtracted, and kept apart from the s(c) until a column ends, so a pixel that is nearly right has its digits.
// Layout    channels-last float32 or bfloat16; dfirst and dsecond float32; labels one byte an output; weights one float a class; partial one double a block.
//           v and h come in tables (../upsample/axis.cuh). Arithmetic is float32; no atomics, and every sum in a fixed order.
// Classes   _cN: up to N, `Own` of them in the registers of each of `Lanes` threads a column: 24 and 1 for _c24, 16 and 4 for _c64, 32 and 8 for _c256.
// Grid      block 128; one block for every `cells` columns of inputs, row of inputs and image, in this order, 1-dimensional. Dynamic shared memory:
//           2 * 128 / Lanes * (classes | 1) floats for what columns add to the cells, 2 * (cells + 2) * classes for the inputs.
// Bytes     8 x 21, 66 x 66 to 528 x 528: 17 MB in bfloat16 (scores, labels, and dfirst and dsecond once each way), where the kernels one by one
//           move 570 MB. What is left is arithmetic: 46.8 M exponentials, about 17 instructions each.
// Registers sm_80 / sm_90a: _c24 168 / 168 (three blocks a multiprocessor), _c8 89 / 89, _c256 219 / 224. No spills.
// Time      not measured yet.
#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/reduce.cuh"
#include "../dk/step_value.cuh"
#include "../upsample/axis.cuh"

namespace {

constexpr int Threads = 128;

struct Outputs {
    const unsigned char* labels;
    int ignored;
    const float* weights; // null for 1
    float share;
};

struct Gradients {
    float* first; // null where none is wanted
    float* second;
};

// Sum and maximum over the Lanes threads of a column, the same bits in each. They come together, and possibly without the other lanes of the warp.
template <int Lanes>
struct Column {
    unsigned mask;

    __device__ __forceinline__ Column() : mask(Lanes == 32 ? 0xFFFFFFFFu : ((1u << Lanes) - 1) << (threadIdx.x % 32 / Lanes * Lanes)) {}

    __device__ __forceinline__ float sum(float value) const
    {
        for (int distance = Lanes / 2; distance > 0; distance /= 2) {
            value += __shfl_xor_sync(mask, value, distance);
        }

        return value;
    }

    __device__ __forceinline__ float maximum(float value) const
    {
        for (int distance = Lanes / 2; distance > 0; distance /= 2) {
            value = fmaxf(value, __shfl_xor_sync(mask, value, distance));
        }

        return value;
    }
};

// One thread's classes of a column between the input rows iy and iy + 1.
template <int Own, int Lanes>
struct ColumnScores {
    float top[Own], bottom[Own];   // the scores in these two rows
    float first[Own], second[Own]; // their gradients, without those of the label's classes
    int begin;                     // the first class
    int channels;

    // What lies between two inputs. A class that is not there repeats the first one: it changes no maximum.
    __device__ __forceinline__ ColumnScores(const float* upper, const float* lower, int right, float h0, float h1, int channels)
        : begin(static_cast<int>(threadIdx.x) % Lanes * Own), channels(channels)
    {
#pragma unroll
        for (int k = 0; k < Own; k++) {
            int c = begin + k < channels ? begin + k : 0;
            top[k] = between(upper, c, right, h0, h1);
            bottom[k] = between(lower, c, right, h0, h1);
            first[k] = second[k] = 0.0f;
        }
    }

    static __device__ __forceinline__ float between(const float* left, int c, int right, float h0, float h1) { return fmaf(h0, left[c], h1 * left[c + right]); }

    // Adds an output's gradient and returns its loss, in each lane. `score` is that of the label; negatives are those of the label's classes.
    __device__ __forceinline__ double add(
        const Column<Lanes>& column, float v0, float v1, int label, float score, float weight, float share, float* first_negative, float* second_negative)
    {
        float at[Own];
        float most = -INFINITY;
#pragma unroll
        for (int k = 0; k < Own; k++) {
            at[k] = fmaf(v0, top[k], v1 * bottom[k]);
            most = fmaxf(most, at[k]);
        }

        most = column.maximum(most);
        float others = 0.0f;
#pragma unroll
        for (int k = 0; k < Own; k++) {
            at[k] = begin + k == label || begin + k >= channels ? 0.0f : expf(at[k] - most);
            others += at[k];
        }

        others = column.sum(others);
        float own = expf(score - most), sum = own + others, factor = weight * share / sum;
        float factor0 = v0 * factor, factor1 = v1 * factor;
#pragma unroll
        for (int k = 0; k < Own; k++) {
            first[k] = fmaf(factor0, at[k], first[k]);
            second[k] = fmaf(factor1, at[k], second[k]);
        }

        if (label >= begin && label < begin + Own) {
            first_negative[label] -= factor0 * others;
            second_negative[label] -= factor1 * others;
        }

        return static_cast<double>(weight) * (own > others ? static_cast<double>(log1pf(others / own))
                                                           : static_cast<double>(logf(sum)) + (static_cast<double>(most) - static_cast<double>(score)));
    }

    __device__ __forceinline__ void store(float* first_at, float* second_at) const
    {
#pragma unroll
        for (int k = 0; k < Own; k++) {
            if (begin + k < channels) {
                first_at[begin + k] += first[k];
                second_at[begin + k] += second[k];
            }
        }
    }
};

// What the columns [from, to) give a cell: those that read it second come before those that read it first.
__device__ __forceinline__ float across(const dk::Axis& columns, int cell, int from, int to, const float* at, int stride)
{
    float sum = 0.0f;
    for (int ox = max(columns.readers_begin(cell), from); ox < min(columns.readers_end(cell), to); ox++) {
        sum = fmaf(columns.weight(ox, cell), at[(ox - from) * stride], sum);
    }

    return sum;
}

// The cells [start, start + count) of the rows iy and iy + 1 as floats, one row after the other.
template <class T>
__device__ __forceinline__ void load_rows(const T* scores, float* rows, long long row, int iy, int in_rows, int start, int count, int width, int channels)
{
    for (int i = threadIdx.x; i < 2 * count * channels; i += Threads) {
        int r = i / (count * channels), unit = i - r * count * channels;
        long long from = row + (r == 1 && iy + 1 < in_rows ? 1 : 0);
        rows[i] = dk::to_float(scores[(from * width + start) * channels + unit]);
    }
}

template <int Own, int Lanes, class T>
__device__ __forceinline__ void upsample_cross_entropy(
    const T* scores, const Outputs& outputs, const Gradients& gradients, double* partial, int channels, int cells, int tiles, const dk::Axis& rows, const dk::Axis& columns)
{
    constexpr int Columns = Threads / Lanes;
    DK_DYNAMIC_SHARED(float, first_at);
    DK_SHARED(double, sums, Threads / 32);
    int stride = channels | 1;
    float* second_at = first_at + Columns * stride;
    float* corners = second_at + Columns * stride;

    int tile = static_cast<int>(blockIdx.x) % tiles, row = static_cast<int>(blockIdx.x) / tiles; // of all images
    int n = row / rows.in_extent, iy = row - n * rows.in_extent;
    int cell = tile * cells, cell_end = min(cell + cells, columns.in_extent);
    int start = max(cell - 1, 0), count = min(cell_end + 1, columns.in_extent) - start;
    load_rows(scores, corners, row, iy, rows.in_extent, start, count, columns.in_extent, channels);

    // Without a gradient the outputs that only count for the neighbour need not be computed.
    int counted = __ldg(columns.start + cell), begin = gradients.first != nullptr ? __ldg(columns.start + start) : counted, end = columns.readers_end(cell_end - 1);
    int oy_begin = __ldg(rows.start + iy), oy_end = __ldg(rows.start + iy + 1);
    Column<Lanes> column;
    double loss = 0.0;
    // More than once only where there are more outputs than threads between two inputs.
    for (int from = begin; from == begin || from < end; from += Columns) {
        int ox = from + static_cast<int>(threadIdx.x) / Lanes, to = min(from + Columns, end);
        for (int i = threadIdx.x; i < 2 * Columns * stride; i += Threads) {
            first_at[i] = 0.0f;
        }

        __syncthreads();
        if (ox < to) {
            int left = __ldg(columns.first + ox), right = left + 1 < columns.in_extent ? channels : 0;
            float h0 = __ldg(columns.weight0 + ox), h1 = __ldg(columns.weight1 + ox);
            const float* upper = corners + (left - start) * channels;
            const float* lower = upper + count * channels;
            ColumnScores<Own, Lanes> at(upper, lower, right, h0, h1, channels);
            float* first = first_at + (ox - from) * stride;
            float* second = second_at + (ox - from) * stride;
#pragma unroll 1
            for (int oy = oy_begin; oy < oy_end; oy++) {
                int label = outputs.labels[(static_cast<long long>(n) * rows.out_extent + oy) * columns.out_extent + ox];
                float weight = label == outputs.ignored ? 0.0f : outputs.weights == nullptr ? 1.0f : __ldg(outputs.weights + label);
                if (weight != 0.0f) {
                    float v0 = __ldg(rows.weight0 + oy), v1 = __ldg(rows.weight1 + oy);
                    float score = fmaf(v0, at.between(upper, label, right, h0, h1), v1 * at.between(lower, label, right, h0, h1));
                    double lost = at.add(column, v0, v1, label, score, weight, outputs.share, first, second);
                    loss += threadIdx.x % Lanes == 0 && ox >= counted ? lost : 0.0;
                }
            }

            at.store(first, second);
        }

        __syncthreads();
        if (gradients.first != nullptr) {
            // Below the last row there is none, and nothing gives to the first row as a second.
            bool last = iy + 1 == rows.in_extent;
            long long width = static_cast<long long>(columns.in_extent) * channels;
            float* to_first = gradients.first + row * width + static_cast<long long>(cell) * channels;
            float* to_second = gradients.second + (last ? row - iy : row + 1) * width + static_cast<long long>(cell) * channels;
            for (int i = threadIdx.x; i < (cell_end - cell) * channels; i += Threads) {
                int at = i / channels, c = i - at * channels;
                float before = from == begin ? 0.0f : to_first[i];
                to_first[i] = before + across(columns, cell + at, from, to, first_at + c, stride);
                before = from == begin || last ? 0.0f : to_second[i];
                to_second[i] = last ? 0.0f : before + across(columns, cell + at, from, to, second_at + c, stride);
            }
        }

        __syncthreads();
    }

    loss = dk::block_sum_to_first<Threads / 32>(loss, sums);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = loss;
    }
}

}  // namespace

// Five arrays of the classes in registers, and some more.
#define DK_UPSAMPLE_CROSS_ENTROPY(name, T, Own, Lanes, blocks) \
    extern "C" __global__ void __launch_bounds__(Threads, blocks) name( \
        const T* scores, const unsigned char* labels, int ignored, const float* weights, dk::StepValue<float> share, float* dfirst, float* dsecond, \
        double* partial, int channels, int cells, int tiles, dk::Axis rows, dk::Axis columns) \
    { \
        upsample_cross_entropy<Own, Lanes>( \
            scores, Outputs{labels, ignored, weights, share.get()}, Gradients{dfirst, dsecond}, partial, channels, cells, tiles, rows, columns); \
    } \
    DK_KERNEL(name)

#define DK_UPSAMPLE_CROSS_ENTROPIES(type, T) \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c8, T, 8, 1, 5); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c16, T, 16, 1, 3); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c24, T, 24, 1, 3); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c32, T, 16, 2, 3); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c48, T, 24, 2, 3); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c64, T, 16, 4, 3); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c96, T, 24, 4, 3); \
    DK_UPSAMPLE_CROSS_ENTROPY(upsample_cross_entropy_##type##_c256, T, 32, 8, 2)

DK_UPSAMPLE_CROSS_ENTROPIES(f32, float);
DK_UPSAMPLE_CROSS_ENTROPIES(bf16, dk::bf16);
