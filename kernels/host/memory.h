// Device memory: allocations with guard bytes, filled with NaNs when fresh and when freed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "dilated_host.h"

namespace dk::host {

// Repeated 16-bit patterns, each a quiet NaN as float32 and as bfloat16, and different, so that a debugger tells them apart.
inline constexpr std::uint16_t fresh_fill = 0xFFFF;
inline constexpr std::uint16_t freed_fill = 0xFFDE;
inline constexpr std::uint16_t shared_guard_fill = 0xFFE5;

// Guards differ between allocations: a kernel that copies one guard over another is noticed.
inline std::uint16_t guard_fill(const void* address)
{
    return static_cast<std::uint16_t>(0xFFC1 + (reinterpret_cast<std::uintptr_t>(address) / 256 * 7) % 29);
}

struct Allocation {
    unsigned char* address;
    std::size_t bytes;
    // In the checked build four bits a word: which of its bytes have been written.
    std::unique_ptr<unsigned char[]> written;
    bool freed = false;

    void mark_written(const void* from, std::size_t count) const;
};

// The allocations of one moment, sorted by address, to be searched without a lock.
struct MemoryMap {
    std::vector<const Allocation*> allocations;

    // The last allocation that begins at or below the address, or null.
    const Allocation* find_below(const void* address) const;
};

class DeviceMemory {
public:
    static constexpr std::size_t alignment = 256;
    static constexpr std::size_t guard_bytes = 256;

    static DeviceMemory& instance();

    int allocate(std::size_t bytes, void** address);
    int free(void* address);
    int copy(void* target, const void* source, std::size_t bytes, bool target_on_device, bool source_on_device);
    int fill(void* target, std::uint32_t value, unsigned element_bytes, std::size_t count);
    int check();

    // Checks the guard bytes of the allocations that these values point into.
    int check_around(void* const* addresses, std::size_t count);
    dk_host_memory statistics();

    // Holds as long as the pointer is held: what is freed meanwhile stays in memory.
    std::shared_ptr<const MemoryMap> map();

private:
    // Freed memory is kept up to this much, and checked when it goes.
    static constexpr std::size_t kept_bytes = 32 << 20;
    static constexpr std::size_t kept_count = 256;

    int check_guards(const Allocation& allocation) const;
    int check_freed(const Allocation& allocation) const;
    const Allocation* find_below(const void* address) const;
    int check_range(const void* address, std::size_t bytes, const char* use, const Allocation** found);

    std::mutex mutex_;
    std::map<std::uintptr_t, std::shared_ptr<Allocation>> allocations_;  // live and freed
    std::deque<std::uintptr_t> freed_;
    std::size_t freed_bytes_ = 0;
    std::shared_ptr<const MemoryMap> map_;
    dk_host_memory statistics_{};
};

// What is at the address, in words: "12 bytes past the end of an allocation of 4096 bytes".
std::string describe_address(const MemoryMap& map, const void* address);

}  // namespace dk::host
