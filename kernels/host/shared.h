// A block's shared memory: an arena of arrays with guard bytes between them, filled with NaNs before each block, and in the
// checked build a shadow cell a word that remembers who wrote and read it since the last barrier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dk::host {

// Who asks: a thread at a moment between barriers.
struct Accessor {
    std::uint16_t thread;      // of another block of the cluster: from foreign_threads on
    std::uint16_t warp_epoch;  // counts the warp's __syncwarp
    std::uint32_t epoch;       // counts the block's barriers
    const void* code;          // the access's return address
};

// What the shadow objects to; earlier is the other access of a race.
enum class Objection { None, OutOfBounds, Uninitialised, OnItsWay, Race };

struct Finding {
    Objection objection = Objection::None;
    bool earlier_wrote = false;
    unsigned earlier_thread = 0;
    const void* earlier_code = nullptr;
};

// A thread of a cluster's block, as the memory of another block knows it.
inline constexpr unsigned foreign_threads = 1024;

constexpr std::uint16_t foreign_thread(unsigned rank, unsigned thread) { return static_cast<std::uint16_t>(foreign_threads * (rank + 1) + thread); }

class SharedMemory {
public:
    // What a kernel may have: declared arrays, and everything together (sm_90's opt-in limit).
    static constexpr std::size_t static_limit = 48 * 1024;
    static constexpr std::size_t total_limit = 227 * 1024;

    SharedMemory();
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    // Forgets the last block's arrays.
    void begin_block(std::size_t dynamic_bytes, std::uint32_t epoch);

    // The array with this key; null before it is made.
    unsigned char* find(const void* key) const;

    // Null when it would pass a limit. A cluster's blocks make theirs in the same order, so that an array has one offset in all of them.
    unsigned char* make(const void* key, const char* name, std::size_t bytes);
    unsigned char* dynamic() const { return arena_ + dynamic_offset_; }
    std::size_t dynamic_bytes() const { return dynamic_bytes_; }
    std::size_t used_bytes() const { return static_bytes_ + dynamic_bytes_; }

    bool contains(const void* address) const { return static_cast<std::size_t>(static_cast<const unsigned char*>(address) - arena_) < arena_bytes; }

    // An address as descriptors and swizzles have it: from the arena's start, which is a multiple of 1024.
    std::uintptr_t offset_of(const void* address) const { return static_cast<std::uintptr_t>(static_cast<const unsigned char*>(address) - arena_); }
    unsigned char* at_offset(std::uintptr_t offset) const { return arena_ + offset; }

    // True when all the bytes belong to one array.
    bool within_array(const void* address, std::size_t bytes) const;

    // The name of the array whose guard was overwritten, or null.
    const char* find_overwritten() const;

    // "byte 12 of shared array 'tile'".
    std::string describe(const void* address) const;

    // The checked build's shadow. Each names the objection, or records the access.
    Finding read(const void* address, std::size_t bytes, const Accessor& by);
    Finding write(const void* address, std::size_t bytes, const Accessor& by);
    Finding begin_copy(const void* address, std::size_t bytes, const Accessor& by);
    void land_copy(const void* address, std::size_t bytes, const Accessor& by);

private:
    static constexpr std::size_t arena_bytes = 512 * 1024;
    static constexpr std::size_t guard_bytes = 64;

    struct Array {
        const void* key;
        const char* name;
        std::size_t offset;
        std::size_t bytes;
    };

    struct Access {
        std::uint32_t epoch;
        std::uint32_t code;  // from the library's base
        std::uint16_t thread;
        std::uint16_t warp_epoch;
    };

    // What happened to the four bytes of a word; masks have a bit a byte.
    struct Cell {
        std::uint32_t generation;
        std::uint8_t initialised;
        std::uint8_t on_its_way;
        std::uint8_t written;
        std::uint8_t read;
        Access writer;
        Access readers[2];
    };

    unsigned char* add(const void* key, const char* name, std::size_t bytes);
    Cell& cell(std::size_t word);
    bool ordered(const Access& earlier, const Accessor& now) const;
    Finding race(const Access& earlier, bool wrote) const;
    Access record(const Accessor& by) const;
    Finding change(const void* address, std::size_t bytes, const Accessor& by, bool lands_later);

    unsigned char* arena_;
    std::size_t used_ = 0;
    std::size_t static_bytes_ = 0;
    std::size_t dynamic_offset_ = 0;
    std::size_t dynamic_bytes_ = 0;
    std::uint32_t generation_ = 0;
    std::vector<Array> arrays_;
    const char* library_ = nullptr;
    Cell* cells_ = nullptr;
};

}  // namespace dk::host
