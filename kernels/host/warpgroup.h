// The host side of wgmma (ptx/wgmma.cuh): the products of a warpgroup, which read shared memory and write accumulators some time before their wait.
#pragma once

#include <cstdint>
#include <source_location>

namespace dk::host {

enum class WgmmaType : std::uint8_t { Bf16, Tf32 };

// Whether an operand's lines in shared memory run along the reduction, or along the rows of a and the columns of b: lines of the reduction then.
enum class WgmmaOrder : std::uint8_t { AlongReduction, AcrossReduction };

void fence_wgmma();
void commit_wgmma();

// Lands what all but the newest `pending` committed groups of this thread add to.
void wait_for_wgmma(unsigned pending, std::source_location where);

// sums += a * b of 64 x K and K x columns, both in that order, for all 128 threads of a warpgroup; the accumulators hold NaNs until the wait.
void multiply_warpgroup(float* sums, unsigned columns, std::uint64_t a, std::uint64_t b, WgmmaType type, WgmmaOrder order, std::source_location where);

}  // namespace dk::host
