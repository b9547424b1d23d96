// Warp operations: a rendezvous of exactly the lanes in the mask. The last lane to arrive works out every lane's result.
#pragma once

#include <bit>
#include <cstdint>
#include <source_location>

// Code of the runtime that is compiled with a kernel, yet must not be watched as if it were the kernel's own.
#define DK_HOST_UNWATCHED __attribute__((no_sanitize("thread"), noinline))

namespace dk::host {

struct WarpOperation {
    const char* name;
    // Called once with the lanes' arguments, null for lanes outside the mask.
    void (*complete)(void* const* lanes);
    bool orders_memory;
};

void meet_warp(const WarpOperation& operation, unsigned mask, void* argument, std::source_location where);
__attribute__((const)) unsigned lane_index() noexcept;

struct ShuffleLane {
    std::uint64_t value;
    unsigned source;
};

// A value taken from a lane outside the mask is undefined on the device: all ones here, a NaN.
DK_HOST_UNWATCHED inline void complete_shuffle(void* const* lanes)
{
    std::uint64_t results[32];
    for (unsigned i = 0; i < 32; i++) {
        if (lanes[i]) {
            void* source = lanes[static_cast<ShuffleLane*>(lanes[i])->source];
            results[i] = source ? static_cast<ShuffleLane*>(source)->value : ~std::uint64_t{0};
        }
    }

    for (unsigned i = 0; i < 32; i++) {
        if (lanes[i]) {
            static_cast<ShuffleLane*>(lanes[i])->value = results[i];
        }
    }
}

DK_HOST_UNWATCHED inline void complete_ballot(void* const* lanes)
{
    unsigned votes = 0;
    for (unsigned i = 0; i < 32; i++) {
        votes |= lanes[i] && *static_cast<unsigned*>(lanes[i]) ? 1u << i : 0u;
    }

    for (unsigned i = 0; i < 32; i++) {
        if (lanes[i]) {
            *static_cast<unsigned*>(lanes[i]) = votes;
        }
    }
}

DK_HOST_UNWATCHED inline void complete_nothing(void* const*) {}

inline constexpr WarpOperation synchronize_operation{"__syncwarp", complete_nothing, true};
inline constexpr WarpOperation shuffle_operation{"__shfl_sync", complete_shuffle, false};
inline constexpr WarpOperation shuffle_up_operation{"__shfl_up_sync", complete_shuffle, false};
inline constexpr WarpOperation shuffle_down_operation{"__shfl_down_sync", complete_shuffle, false};
inline constexpr WarpOperation shuffle_xor_operation{"__shfl_xor_sync", complete_shuffle, false};
inline constexpr WarpOperation ballot_operation{"__ballot_sync", complete_ballot, false};
inline constexpr WarpOperation any_operation{"__any_sync", complete_ballot, false};
inline constexpr WarpOperation all_operation{"__all_sync", complete_ballot, false};

template <class T>
T shuffle(const WarpOperation& operation, unsigned mask, T value, unsigned source, std::source_location where)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
    ShuffleLane lane{0, source};
    __builtin_memcpy(&lane.value, &value, sizeof(T));
    meet_warp(operation, mask, &lane, where);
    __builtin_memcpy(&value, &lane.value, sizeof(T));
    return value;
}

inline unsigned vote(const WarpOperation& operation, unsigned mask, bool predicate, std::source_location where)
{
    unsigned votes = predicate;
    meet_warp(operation, mask, &votes, where);
    return votes;
}

}  // namespace dk::host

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, std::source_location where = std::source_location::current())
{
    unsigned none = 0;
    dk::host::meet_warp(dk::host::synchronize_operation, mask, &none, where);
}

// Lanes whose source falls outside their segment of `width` lanes keep their own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, std::source_location where = std::source_location::current())
{
    unsigned lane = dk::host::lane_index(), segment = lane & ~static_cast<unsigned>(width - 1);
    return dk::host::shuffle(dk::host::shuffle_operation, mask, value, segment + (static_cast<unsigned>(source) & static_cast<unsigned>(width - 1)), where);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, std::source_location where = std::source_location::current())
{
    unsigned lane = dk::host::lane_index(), within = lane & static_cast<unsigned>(width - 1);
    return dk::host::shuffle(dk::host::shuffle_up_operation, mask, value, delta <= within ? lane - delta : lane, where);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, std::source_location where = std::source_location::current())
{
    unsigned lane = dk::host::lane_index(), within = lane & static_cast<unsigned>(width - 1);
    return dk::host::shuffle(dk::host::shuffle_down_operation, mask, value, within + delta < static_cast<unsigned>(width) ? lane + delta : lane, where);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, std::source_location where = std::source_location::current())
{
    // A partner in a later segment is out of reach; one in an earlier segment is not.
    unsigned lane = dk::host::lane_index(), source = lane ^ static_cast<unsigned>(lanes);
    unsigned end = (lane & ~static_cast<unsigned>(width - 1)) + static_cast<unsigned>(width);
    return dk::host::shuffle(dk::host::shuffle_xor_operation, mask, value, source < end ? source : lane, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, std::source_location where = std::source_location::current())
{
    return dk::host::vote(dk::host::ballot_operation, mask, predicate != 0, where);
}

inline int __any_sync(unsigned mask, int predicate, std::source_location where = std::source_location::current())
{
    return dk::host::vote(dk::host::any_operation, mask, predicate != 0, where) != 0;
}

inline int __all_sync(unsigned mask, int predicate, std::source_location where = std::source_location::current())
{
    return dk::host::vote(dk::host::all_operation, mask, predicate != 0, where) == mask;
}
