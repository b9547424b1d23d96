// The host side of thread-block clusters (ptx/cluster.cuh).
#pragma once

#include <source_location>

namespace dk::host {

unsigned cluster_rank();
unsigned cluster_size();
void arrive_at_cluster(std::source_location where);
void wait_for_cluster(std::source_location where);

// The same place in another block's shared memory.
void* map_shared(const void* address, unsigned rank, std::source_location where);

}  // namespace dk::host
