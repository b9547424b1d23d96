// A tensor map of the host driver: what cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col are told, in the 128 bytes that a kernel gets, and
// what the copy engine makes of it. No fiber, no shared memory: only where which bytes go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dilated_host.h"

namespace dk::host {

inline constexpr unsigned most_axes = 5;

struct HostTensorMap {
    std::uint32_t mark;
    std::uint8_t is_im2col;
    std::uint8_t axes;
    std::uint8_t element_bytes;
    std::uint8_t swizzle;  // 0 none; 1, 2, 3: rows of 32, 64, 128 bytes
    std::uint64_t address;
    std::uint64_t strides[most_axes - 1];  // in bytes, from the second axis on
    std::uint32_t extents[most_axes];
    std::uint8_t steps[most_axes];
    std::uint8_t is_tf32;
    std::uint8_t unused[2];
    union {
        std::uint16_t box[most_axes];
        struct {
            std::int16_t lower[most_axes - 2], upper[most_axes - 2];
            std::uint16_t channels, pixels;
        } column;
    };

    bool is_valid() const;
    std::size_t row_bytes() const;
    std::size_t rows() const;
    std::size_t bytes() const { return row_bytes() * rows(); }

    // From the first byte of the tensor to behind its last.
    std::size_t tensor_bytes() const;

    // What a copy makes of the elements of a row: TF32 is rounded to nearest, ties to even; infinity and NaN stay.
    void convert(unsigned char* row) const;

    // The offset of a byte in shared memory, exchanged as the map's swizzle has it.
    std::uintptr_t swizzled(std::uintptr_t offset) const;
};

static_assert(sizeof(HostTensorMap) <= 128);

// One row of a box: a contiguous piece of the tensor between zeros.
struct TensorRow {
    std::uint64_t source;  // 0 where it is all zeros
    std::size_t leading_zeros;
    std::size_t bytes;
};

// The rows of a copy in the order in which they lie in shared memory; empty, with a reason, where the coordinates are impossible.
std::vector<TensorRow> tensor_rows(const HostTensorMap& map, const int* coordinates, const std::uint16_t* offsets, std::string& whynot);

int encode_tiled(const dk_host_tensor& tensor, const std::uint32_t* box, void* map);
int encode_im2col(const dk_host_tensor& tensor, const std::int32_t* lower, const std::int32_t* upper, std::uint32_t channels, std::uint32_t pixels, void* map);

}  // namespace dk::host
