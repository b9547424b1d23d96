#include "shared.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "fault.h"
#include "memory.h"
#include "sanitizer.h"

#include <dlfcn.h>

namespace dk::host {

namespace {

// The bytes of a word that [offset, offset + bytes) covers, as a mask.
inline std::uint8_t mask_in_word(std::size_t word, std::size_t offset, std::size_t bytes)
{
    if (offset <= word * 4 && offset + bytes >= word * 4 + 4) {
        return 0xF;
    }

    std::size_t low = std::max(offset, word * 4) - word * 4, high = std::min(offset + bytes, word * 4 + 4) - word * 4;
    return static_cast<std::uint8_t>(((1u << high) - 1) & ~((1u << low) - 1));
}

}  // namespace

SharedMemory::SharedMemory() : arena_(static_cast<unsigned char*>(std::aligned_alloc(1024, arena_bytes)))
{
    if (!arena_) {
        throw std::bad_alloc();
    }

    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&describe_address), &info)) {
        library_ = static_cast<const char*>(info.dli_fbase);
    }

    if (sanitizer::watching) {
        cells_ = static_cast<Cell*>(std::calloc(arena_bytes / 4, sizeof(Cell)));
        if (!cells_) {
            throw std::bad_alloc();
        }
    }

    sanitizer::forbid(arena_, arena_bytes);
}

SharedMemory::~SharedMemory()
{
    sanitizer::allow(arena_, arena_bytes);
    std::free(arena_);
    std::free(cells_);
}

void SharedMemory::begin_block(std::size_t dynamic_bytes, std::uint32_t epoch)
{
    sanitizer::forbid(arena_, used_);
    arrays_.clear();
    used_ = 0;
    static_bytes_ = 0;
    dynamic_bytes_ = dynamic_bytes;
    generation_ = epoch;
    unsigned char* start = add(nullptr, "dynamic shared memory", dynamic_bytes);
    dynamic_offset_ = static_cast<std::size_t>(start - arena_);
}

unsigned char* SharedMemory::add(const void* key, const char* name, std::size_t bytes)
{
    std::size_t end = used_ + guard_bytes + bytes, next = (end + 255) & ~std::size_t{255};
    sanitizer::allow(arena_ + used_, next + guard_bytes - used_);
    std::memset(arena_ + used_, shared_guard_fill & 0xFF, guard_bytes);
    unsigned char* start = arena_ + used_ + guard_bytes;
    std::memset(start, fresh_fill & 0xFF, bytes);
    used_ = next;
    std::memset(arena_ + end, shared_guard_fill & 0xFF, used_ + guard_bytes - end);
    sanitizer::forbid(start - guard_bytes, guard_bytes);
    sanitizer::forbid(arena_ + end, used_ + guard_bytes - end);
    arrays_.push_back({key, name, static_cast<std::size_t>(start - arena_), bytes});
    return start;
}

unsigned char* SharedMemory::find(const void* key) const
{
    auto array = std::find_if(arrays_.begin(), arrays_.end(), [&](const Array& a) { return a.key == key; });
    return array == arrays_.end() ? nullptr : arena_ + array->offset;
}

unsigned char* SharedMemory::make(const void* key, const char* name, std::size_t bytes)
{
    if (static_bytes_ + bytes > static_limit || used_bytes() + bytes > total_limit) {
        return nullptr;
    }

    static_bytes_ += bytes;
    return add(key, name, bytes);
}

bool SharedMemory::within_array(const void* address, std::size_t bytes) const
{
    auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(address) - arena_);
    return std::any_of(arrays_.begin(), arrays_.end(),
        [&](const Array& a) { return offset >= a.offset && offset + bytes <= a.offset + a.bytes; });
}

const char* SharedMemory::find_overwritten() const
{
    sanitizer::Allowed all(arena_, sanitizer::watching ? 0 : used_ + guard_bytes);
    for (const Array& array : arrays_) {
        const unsigned char *start = arena_ + array.offset, *end = start + array.bytes;
        auto intact = [](unsigned char c) { return c == (shared_guard_fill & 0xFF); };
        if (!std::all_of(start - guard_bytes, start, intact) || !std::all_of(end, end + guard_bytes, intact)) {
            return array.name;
        }
    }

    return nullptr;
}

std::string SharedMemory::describe(const void* address) const
{
    auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(address) - arena_);
    const Array* below = nullptr;
    for (const Array& array : arrays_) {
        below = array.offset <= offset ? &array : below;
    }

    if (!below) {
        return "shared memory before any array";
    }

    bool inside = offset < below->offset + below->bytes;
    const char* what = below->key ? "shared array '" : "";
    const char* close = below->key ? "'" : "";
    return inside ? format("byte %zu of %s%s%s", offset - below->offset, what, below->name, close)
                  : format("%zu bytes past the end of %s%s%s (%zu bytes)", offset - below->offset - below->bytes, what, below->name, close, below->bytes);
}

inline SharedMemory::Cell& SharedMemory::cell(std::size_t word)
{
    Cell& c = cells_[word];
    if (c.generation != generation_) {
        // Left by an earlier block; epochs only grow, so nothing in it would be taken for this block's.
        c = Cell{};
        c.generation = generation_;
    }

    return c;
}

inline bool SharedMemory::ordered(const Access& earlier, const Accessor& now) const
{
    return earlier.epoch != now.epoch || earlier.thread == now.thread
        || (earlier.thread / 32 == now.thread / 32 && earlier.warp_epoch != now.warp_epoch);
}

Finding SharedMemory::race(const Access& earlier, bool wrote) const
{
    return {Objection::Race, wrote, earlier.thread, library_ + earlier.code};
}

inline SharedMemory::Access SharedMemory::record(const Accessor& by) const
{
    return {by.epoch, static_cast<std::uint32_t>(static_cast<const char*>(by.code) - library_), by.thread, by.warp_epoch};
}

Finding SharedMemory::read(const void* address, std::size_t bytes, const Accessor& by)
{
    auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(address) - arena_);
    for (std::size_t word = offset / 4; word <= (offset + bytes - 1) / 4; word++) {
        Cell& c = cell(word);
        std::uint8_t mask = mask_in_word(word, offset, bytes);
        if (c.on_its_way & mask) {
            return {Objection::OnItsWay, true, c.writer.thread, library_ + c.writer.code};
        }

        if (mask & ~c.initialised) {
            return {within_array(address, bytes) ? Objection::Uninitialised : Objection::OutOfBounds};
        }

        if ((c.written & mask) && !ordered(c.writer, by)) {
            return race(c.writer, true);
        }

        // Two readers are enough to find a write by a third thread, or by one of the two.
        bool fresh = c.readers[0].epoch != by.epoch;
        if (fresh || c.readers[0].thread == by.thread) {
            c.readers[0] = record(by);
            c.read = fresh ? mask : c.read | mask;
        } else {
            c.readers[1] = record(by);
            c.read |= mask;
        }
    }

    return {};
}

Finding SharedMemory::change(const void* address, std::size_t bytes, const Accessor& by, bool lands_later)
{
    auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(address) - arena_);
    for (std::size_t word = offset / 4; word <= (offset + bytes - 1) / 4; word++) {
        Cell& c = cell(word);
        std::uint8_t mask = mask_in_word(word, offset, bytes);
        if (c.on_its_way & mask) {
            return {Objection::OnItsWay, true, c.writer.thread, library_ + c.writer.code};
        }

        // Bytes that were written before lie in an array; only for others is it worth a search.
        if ((mask & ~c.initialised) && !within_array(address, bytes)) {
            return {Objection::OutOfBounds};
        }

        if ((c.written & mask) && !ordered(c.writer, by)) {
            return race(c.writer, true);
        }

        if (c.read & mask) {
            for (const Access& reader : c.readers) {
                if (reader.epoch == by.epoch && !ordered(reader, by)) {
                    return race(reader, false);
                }
            }
        }

        bool same = c.writer.epoch == by.epoch && c.writer.thread == by.thread;
        c.written = same ? c.written | mask : mask;
        c.writer = record(by);
        if (lands_later) {
            c.on_its_way |= mask;
            c.initialised &= static_cast<std::uint8_t>(~mask);
        } else {
            c.initialised |= mask;
        }
    }

    return {};
}

Finding SharedMemory::write(const void* address, std::size_t bytes, const Accessor& by) { return change(address, bytes, by, false); }

Finding SharedMemory::begin_copy(const void* address, std::size_t bytes, const Accessor& by) { return change(address, bytes, by, true); }

void SharedMemory::land_copy(const void* address, std::size_t bytes, const Accessor& by)
{
    auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(address) - arena_);
    for (std::size_t word = offset / 4; word <= (offset + bytes - 1) / 4; word++) {
        Cell& c = cell(word);
        std::uint8_t mask = mask_in_word(word, offset, bytes);
        c.on_its_way &= static_cast<std::uint8_t>(~mask);
        c.initialised |= mask;
        c.written = mask;
        c.writer = record(by);
    }
}

}  // namespace dk::host
