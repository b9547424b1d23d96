#include "memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "fault.h"
#include "sanitizer.h"

namespace dk::host {

namespace {

void fill_pattern(unsigned char* from, std::size_t bytes, std::uint16_t pattern)
{
    // Byte by byte from an even address on, so that a tail of odd length is covered too.
    for (std::size_t i = 0; i < bytes; i++) {
        from[i] = static_cast<unsigned char>(((reinterpret_cast<std::uintptr_t>(from) + i) & 1) ? pattern >> 8 : pattern & 0xFF);
    }
}

// The first byte that differs from the pattern, or bytes.
std::size_t find_difference(const unsigned char* from, std::size_t bytes, std::uint16_t pattern)
{
    for (std::size_t i = 0; i < bytes; i++) {
        if (from[i] != static_cast<unsigned char>(((reinterpret_cast<std::uintptr_t>(from) + i) & 1) ? pattern >> 8 : pattern & 0xFF)) {
            return i;
        }
    }

    return bytes;
}

std::size_t round_up(std::size_t bytes) { return (bytes + DeviceMemory::alignment - 1) & ~(DeviceMemory::alignment - 1); }

// The guard after an allocation begins at its last byte and ends on the alignment.
std::size_t tail_bytes(std::size_t bytes) { return round_up(bytes) - bytes + DeviceMemory::guard_bytes; }

struct FreeBlock {
    void operator()(Allocation* allocation) const
    {
        sanitizer::allow(allocation->address - DeviceMemory::guard_bytes, DeviceMemory::guard_bytes + allocation->bytes + tail_bytes(allocation->bytes));
        std::free(allocation->address - DeviceMemory::guard_bytes);
        delete allocation;
    }
};

}  // namespace

void Allocation::mark_written(const void* from, std::size_t count) const
{
    if (!written || count == 0) {
        return;
    }

    auto first = static_cast<std::size_t>(static_cast<const unsigned char*>(from) - address), last = first + count;
    for (std::size_t word = first / 4; word <= (last - 1) / 4; word++) {
        std::size_t low = std::max(first, word * 4) - word * 4, high = std::min(last, word * 4 + 4) - word * 4;
        written[word] |= static_cast<unsigned char>(((1u << high) - 1) & ~((1u << low) - 1));
    }
}

const Allocation* MemoryMap::find_below(const void* address) const
{
    auto above = std::upper_bound(allocations.begin(), allocations.end(), address,
        [](const void* a, const Allocation* b) { return a < static_cast<const void*>(b->address); });
    return above == allocations.begin() ? nullptr : *(above - 1);
}

DeviceMemory& DeviceMemory::instance()
{
    // Never destroyed: a program may free its buffers while it shuts down.
    static DeviceMemory& memory = *new DeviceMemory();
    return memory;
}

int DeviceMemory::allocate(std::size_t bytes, void** address)
{
    std::size_t total = guard_bytes + bytes + tail_bytes(bytes);
    void* block = bytes < SIZE_MAX / 2 ? std::aligned_alloc(alignment, total) : nullptr;
    if (!block) {
        return fail(DK_HOST_OUT_OF_MEMORY, format("no memory for an allocation of %zu bytes", bytes));
    }

    unsigned char* start = static_cast<unsigned char*>(block) + guard_bytes;
    fill_pattern(start - guard_bytes, guard_bytes, guard_fill(start));
    std::memset(start, fresh_fill & 0xFF, bytes);
    fill_pattern(start + bytes, tail_bytes(bytes), guard_fill(start));
    sanitizer::forbid(start - guard_bytes, guard_bytes);
    sanitizer::forbid(start + bytes, tail_bytes(bytes));

    std::shared_ptr<Allocation> allocation(new Allocation{start, bytes, nullptr}, FreeBlock{});
    if (sanitizer::watching) {
        allocation->written = std::make_unique<unsigned char[]>((bytes + 3) / 4);
    }

    std::lock_guard lock(mutex_);
    allocations_[reinterpret_cast<std::uintptr_t>(start)] = std::move(allocation);
    map_ = nullptr;
    statistics_.live_bytes += bytes;
    statistics_.live_count++;
    statistics_.total_count++;
    statistics_.peak_bytes = std::max(statistics_.peak_bytes, statistics_.live_bytes);
    *address = start;
    return DK_HOST_OK;
}

int DeviceMemory::free(void* address)
{
    if (!address) {
        return DK_HOST_OK;
    }

    std::lock_guard lock(mutex_);
    auto found = allocations_.find(reinterpret_cast<std::uintptr_t>(address));
    if (found == allocations_.end()) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("%p was not allocated here, or freed long ago", address));
    }

    Allocation& allocation = *found->second;
    if (allocation.freed) {
        return fail(DK_HOST_USE_AFTER_FREE, format("the allocation of %zu bytes at %p has been freed before", allocation.bytes, address));
    }

    int status = check_guards(allocation);
    fill_pattern(allocation.address, allocation.bytes, freed_fill);
    sanitizer::forbid(allocation.address, allocation.bytes);
    allocation.freed = true;
    freed_.push_back(found->first);
    freed_bytes_ += allocation.bytes;
    statistics_.live_bytes -= allocation.bytes;
    statistics_.live_count--;

    while (freed_bytes_ > kept_bytes || freed_.size() > kept_count) {
        auto oldest = allocations_.find(freed_.front());
        int late = check_freed(*oldest->second);
        status = status == DK_HOST_OK ? late : status;
        freed_bytes_ -= oldest->second->bytes;
        freed_.pop_front();
        allocations_.erase(oldest);
    }

    map_ = nullptr;
    return status;
}

const Allocation* DeviceMemory::find_below(const void* address) const
{
    auto above = allocations_.upper_bound(reinterpret_cast<std::uintptr_t>(address));
    return above == allocations_.begin() ? nullptr : std::prev(above)->second.get();
}

int DeviceMemory::check_range(const void* address, std::size_t bytes, const char* use, const Allocation** found)
{
    const Allocation* allocation = find_below(address);
    std::size_t offset = allocation ? static_cast<std::size_t>(static_cast<const unsigned char*>(address) - allocation->address) : 0;
    if (!allocation || offset > allocation->bytes) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("the %s of a copy, %p, is not device memory", use, address));
    }

    if (allocation->freed) {
        return fail(DK_HOST_USE_AFTER_FREE, format("the %s of a copy, %p, lies in freed memory", use, address));
    }

    if (bytes > allocation->bytes - offset) {
        return fail(DK_HOST_OUT_OF_BOUNDS,
            format("the %s of a copy of %zu bytes begins at byte %zu of an allocation of %zu bytes", use, bytes, offset, allocation->bytes));
    }

    *found = allocation;
    return DK_HOST_OK;
}

int DeviceMemory::copy(void* target, const void* source, std::size_t bytes, bool target_on_device, bool source_on_device)
{
    if (bytes == 0) {
        return DK_HOST_OK;
    }

    if (!target || !source) {
        return fail(DK_HOST_INVALID_ARGUMENT, "a copy from or to a null address");
    }

    std::lock_guard lock(mutex_);
    const Allocation *to = nullptr, *from = nullptr;
    if (int status = target_on_device ? check_range(target, bytes, "target", &to) : DK_HOST_OK; status != DK_HOST_OK) {
        return status;
    }

    if (int status = source_on_device ? check_range(source, bytes, "source", &from) : DK_HOST_OK; status != DK_HOST_OK) {
        return status;
    }

    std::memmove(target, source, bytes);
    if (to) {
        auto source_offset = from ? static_cast<const unsigned char*>(source) - from->address : 0;
        auto target_offset = static_cast<unsigned char*>(target) - to->address;
        if (from && from->written && source_offset % 4 == 0 && target_offset % 4 == 0 && bytes % 4 == 0) {
            std::memmove(&to->written[static_cast<std::size_t>(target_offset) / 4], &from->written[static_cast<std::size_t>(source_offset) / 4], bytes / 4);
        } else {
            to->mark_written(target, bytes);
        }
    }

    return DK_HOST_OK;
}

int DeviceMemory::fill(void* target, std::uint32_t value, unsigned element_bytes, std::size_t count)
{
    if (element_bytes != 1 && element_bytes != 2 && element_bytes != 4) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("a fill of %u-byte elements; 1, 2 and 4 are possible", element_bytes));
    }

    if (count == 0) {
        return DK_HOST_OK;
    }

    std::lock_guard lock(mutex_);
    const Allocation* allocation = nullptr;
    if (int status = check_range(target, count * element_bytes, "target", &allocation); status != DK_HOST_OK) {
        return status;
    }

    for (std::size_t i = 0; i < count; i++) {
        // The low bytes of a little-endian value are the shorter element.
        std::memcpy(static_cast<char*>(target) + i * element_bytes, &value, element_bytes);
    }

    allocation->mark_written(target, count * element_bytes);
    return DK_HOST_OK;
}

int DeviceMemory::check_guards(const Allocation& allocation) const
{
    sanitizer::Allowed before(allocation.address - guard_bytes, guard_bytes);
    sanitizer::Allowed after(allocation.address + allocation.bytes, tail_bytes(allocation.bytes));
    std::size_t below = find_difference(allocation.address - guard_bytes, guard_bytes, guard_fill(allocation.address));
    if (below < guard_bytes) {
        return fail(DK_HOST_OUT_OF_BOUNDS,
            format("something wrote before the start, at byte -%zu, of an allocation of %zu bytes at %p", guard_bytes - below, allocation.bytes, static_cast<void*>(allocation.address)));
    }

    std::size_t past = find_difference(allocation.address + allocation.bytes, tail_bytes(allocation.bytes), guard_fill(allocation.address));
    if (past < tail_bytes(allocation.bytes)) {
        return fail(DK_HOST_OUT_OF_BOUNDS,
            format("something wrote past the end, at byte +%zu, of an allocation of %zu bytes at %p", past, allocation.bytes, static_cast<void*>(allocation.address)));
    }

    return DK_HOST_OK;
}

int DeviceMemory::check_freed(const Allocation& allocation) const
{
    sanitizer::Allowed all(allocation.address, allocation.bytes);
    std::size_t at = find_difference(allocation.address, allocation.bytes, freed_fill);
    return at == allocation.bytes
        ? DK_HOST_OK
        : fail(DK_HOST_USE_AFTER_FREE,
              format("something wrote to byte %zu of an allocation of %zu bytes at %p after it was freed", at, allocation.bytes, static_cast<void*>(allocation.address)));
}

int DeviceMemory::check()
{
    std::lock_guard lock(mutex_);
    for (const auto& [address, allocation] : allocations_) {
        int status = check_guards(*allocation);
        if (status == DK_HOST_OK && allocation->freed) {
            status = check_freed(*allocation);
        }

        if (status != DK_HOST_OK) {
            return status;
        }
    }

    return DK_HOST_OK;
}

int DeviceMemory::check_around(void* const* addresses, std::size_t count)
{
    std::lock_guard lock(mutex_);
    int status = DK_HOST_OK;
    for (std::size_t i = 0; i < count && status == DK_HOST_OK; i++) {
        const Allocation* allocation = find_below(addresses[i]);
        if (allocation && static_cast<unsigned char*>(addresses[i]) <= allocation->address + allocation->bytes) {
            status = check_guards(*allocation);
        }
    }

    return status;
}

dk_host_memory DeviceMemory::statistics()
{
    std::lock_guard lock(mutex_);
    return statistics_;
}

std::shared_ptr<const MemoryMap> DeviceMemory::map()
{
    struct Holding : MemoryMap {
        std::vector<std::shared_ptr<const Allocation>> held;
    };

    std::lock_guard lock(mutex_);
    if (!map_) {
        auto map = std::make_shared<Holding>();
        for (const auto& [address, allocation] : allocations_) {
            map->allocations.push_back(allocation.get());
            map->held.push_back(allocation);
        }

        map_ = std::move(map);
    }

    return map_;
}

std::string describe_address(const MemoryMap& map, const void* address)
{
    // Far from any allocation, distances say nothing.
    constexpr std::ptrdiff_t near = 1 << 20;
    const Allocation* below = map.find_below(address);
    auto a = static_cast<const unsigned char*>(address);
    if (below && a < below->address + below->bytes) {
        return format("byte %td of %s allocation of %zu bytes", a - below->address, below->freed ? "a freed" : "an", below->bytes);
    }

    const Allocation* above = nullptr;
    for (const Allocation* candidate : map.allocations) {
        if (candidate->address > a) {
            above = candidate;
            break;
        }
    }

    std::ptrdiff_t past = below ? a - (below->address + below->bytes) : near, before = above ? above->address - a : near;
    if (past < near && past <= before) {
        return format("%td bytes past the end of %s allocation of %zu bytes", past, below->freed ? "a freed" : "an", below->bytes);
    }

    if (before < near) {
        return format("%td bytes before %s allocation of %zu bytes", before, above->freed ? "a freed" : "an", above->bytes);
    }

    return format("%p, which is not device memory", address);
}

}  // namespace dk::host
