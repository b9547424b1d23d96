// The way in for the C interface.
#pragma once

#include <cstdint>

#include "registration.h"
#include "vector_types.h"

namespace dk::host {

int launch_kernel(const Kernel& kernel, uint3 grid, uint3 block, uint3 cluster, unsigned dynamic_shared_bytes, void* const* arguments);
void set_seed(std::uint64_t value);
void set_threads(unsigned value);
void set_first_block(std::uint64_t value);
void set_blocks(std::uint64_t value);

}  // namespace dk::host
