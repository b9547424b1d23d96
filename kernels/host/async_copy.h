// The host side of cp.async (ptx/cp_async.cuh): bytes travel when they are issued and land at the wait.
#pragma once

#include <source_location>

namespace dk::host {

// Copies source_bytes (the rest zeros) to shared memory; until it lands the target holds NaNs and must not be touched.
void begin_async_copy(void* target, const void* source, unsigned bytes, unsigned source_bytes);
void commit_async_copies();

// Lands all but the newest `pending` committed groups of this thread.
void wait_async_copies(unsigned pending);

// Lands everything, committed or not.
void wait_all_async_copies();

// bar.sync and bar.arrive of one of the 16 barriers of a block, for `threads` threads.
void synchronize_named(unsigned barrier, unsigned threads, std::source_location where);
void arrive_named(unsigned barrier, unsigned threads, std::source_location where);

}  // namespace dk::host
