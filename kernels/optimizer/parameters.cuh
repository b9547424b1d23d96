// One launch over all parameters: a table says where each parameter is, and a block finds the one it works on by its number.
#pragma once

#include "../dk/cuda.cuh"
#include "../dk/floats.cuh"
#include "../dk/step_value.cuh"

namespace dk {

struct OptimizerEntry {
    float* value;
    const float* gradient;
    float* state1;
    float* state2;
    long long count;
    long long first_block; // the blocks of all entries before this one
    float rate_multiplier;
    float decay;
};

// False when the update is to be left out: its loss is known and is no finite number.
__device__ __forceinline__ bool updates(const float* loss) { return loss == nullptr || fabsf(*loss) < INFINITY; }

constexpr int OptimizerThreads = 256;

// What a block covers: enough for a thread to have several loads on their way.
constexpr int OptimizerElements = 4096;

// update(entry, i, width) for the elements of this block's part; arrays begin at multiples of 16 bytes.
template <class Update>
__device__ __forceinline__ void for_each_parameter(const OptimizerEntry* entries, int entry_count, Update update)
{
    long long block = blockIdx.x;
    int low = 0, high = entry_count - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (entries[middle].first_block <= block) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }

    OptimizerEntry entry = entries[low];
    long long begin = (block - entry.first_block) * OptimizerElements;
    long long end = begin + OptimizerElements < entry.count ? begin + OptimizerElements : entry.count;
    for (long long i = begin + 4 * threadIdx.x; i < end; i += 4 * OptimizerThreads) {
        if (i + 4 <= end) {
            update.template operator()<4>(entry, i);
            continue;
        }

        for (; i < end; i++) {
            update.template operator()<1>(entry, i);
        }
    }
}

}  // namespace dk
