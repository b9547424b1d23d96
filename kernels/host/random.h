// The random order of threads, blocks and copies: SplitMix64, so that it does not depend on which OS thread runs the block.
#pragma once

#include <cstdint>

namespace dk::host {

struct Random {
    std::uint64_t state = 0;

    static Random of(std::uint64_t seed, std::uint64_t index) { return {seed * 0x9E3779B97F4A7C15u + index}; }

    std::uint64_t next()
    {
        std::uint64_t z = state += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
};

}  // namespace dk::host
