// The host side of mbarriers and of the copies that land at them (ptx/mbarrier.cuh, ptx/tma.cuh). Their state lies in the runtime and not in
// the kernel's eight bytes, so that misuse is noticed.
#pragma once

#include <source_location>

namespace dk::host {

// An address in shared memory as descriptors have it.
unsigned shared_offset(const void* shared);

void init_mbarrier(const void* barrier, unsigned arrivals, std::source_location where);

// By the thread that made them, before the copy engine may use them.
void fence_mbarrier_init();
void arrive_at_mbarrier(const void* barrier, unsigned announced_bytes, std::source_location where);

// At the mbarrier in the same place of another block of the cluster, or of this one.
void arrive_at_mbarrier_of(unsigned rank, const void* barrier, std::source_location where);
void wait_for_mbarrier(const void* barrier, unsigned parity, std::source_location where);

// Begins the copy of a box, or of a column of pixels where there are offsets, whose bytes land when the barrier's phase is over; until then the
// target holds NaNs and must not be touched. Coordinates are fastest axis first. Where there are ranks, a bit each, those blocks of the cluster get it, each in the
// same place of its own shared memory.
void begin_tensor_copy(void* target, const void* map, const void* barrier, const int* coordinates, unsigned axes, const unsigned short* offsets, const unsigned* ranks,
    std::source_location where);

}  // namespace dk::host
