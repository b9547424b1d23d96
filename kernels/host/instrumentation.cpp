// The calls that -fsanitize=thread puts into kernels, answered here instead of by libtsan: every access reaches the runtime, which
// knows the blocks, the barriers and the allocations. Only kernels are compiled that way, never the runtime.
#include "block.h"

#if defined(DK_HOST_CHECKED)

using dk::host::current_runner;
using dk::host::current_thread;

namespace {

inline void watch(const void* address, std::size_t bytes, bool write, const void* code)
{
    // Null while the library's initialisers run.
    if (current_thread && bytes > 0) {
        current_runner->watch(address, bytes, write, code);
    }
}

}  // namespace

#define DK_ENTRY extern "C" __attribute__((visibility("hidden")))

#define DK_WATCH(name, bytes, write) \
    DK_ENTRY void name(void* address) { watch(address, bytes, write, __builtin_return_address(0)); }

#define DK_WATCH_SIZE(bytes)                              \
    DK_WATCH(__tsan_read##bytes, bytes, false)            \
    DK_WATCH(__tsan_write##bytes, bytes, true)            \
    DK_WATCH(__tsan_unaligned_read##bytes, bytes, false)  \
    DK_WATCH(__tsan_unaligned_write##bytes, bytes, true)  \
    DK_WATCH(__tsan_volatile_read##bytes, bytes, false)   \
    DK_WATCH(__tsan_volatile_write##bytes, bytes, true)

DK_WATCH_SIZE(1)
DK_WATCH_SIZE(2)
DK_WATCH_SIZE(4)
DK_WATCH_SIZE(8)
DK_WATCH_SIZE(16)

DK_ENTRY void __tsan_read_range(void* address, std::size_t bytes) { watch(address, bytes, false, __builtin_return_address(0)); }
DK_ENTRY void __tsan_write_range(void* address, std::size_t bytes) { watch(address, bytes, true, __builtin_return_address(0)); }
DK_ENTRY void __tsan_init() {}
DK_ENTRY void __tsan_func_entry(void*) {}
DK_ENTRY void __tsan_func_exit() {}
DK_ENTRY void __tsan_vptr_update(void**, void*) {}
DK_ENTRY void __tsan_vptr_read(void**) {}

#endif
