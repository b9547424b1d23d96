// Philox4x32-10 (Salmon et al. 2011): four random words from a 128-bit counter and a 64-bit key, with no state.
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

__device__ __forceinline__ uint4 philox(unsigned long long key, uint4 counter)
{
    unsigned a = static_cast<unsigned>(key), b = static_cast<unsigned>(key >> 32);
    for (int round = 0; round < 10; round++) {
        unsigned long long p = 0xD2511F53ull * counter.x, q = 0xCD9E8D57ull * counter.z;
        counter = make_uint4(
            static_cast<unsigned>(q >> 32) ^ counter.y ^ a, static_cast<unsigned>(q),
            static_cast<unsigned>(p >> 32) ^ counter.w ^ b, static_cast<unsigned>(p));
        a += 0x9E3779B9u;
        b += 0xBB67AE85u;
    }

    return counter;
}

}  // namespace dk
