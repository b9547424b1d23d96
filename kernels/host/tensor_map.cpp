#include "tensor_map.h"

#include <algorithm>
#include <cstring>

#include "fault.h"

namespace dk::host {

namespace {

constexpr std::uint32_t valid_mark = 0x70616D74;

constexpr std::size_t swizzle_bytes(unsigned swizzle) { return std::size_t{16} << swizzle; }

int refuse(const std::string& why) { return fail(DK_HOST_INVALID_ARGUMENT, "a tensor map cannot be made: " + why); }

// What both kinds have in common.
int encode_tensor(const dk_host_tensor& tensor, unsigned fewest_axes, HostTensorMap& map)
{
    if (tensor.axes < fewest_axes || tensor.axes > most_axes) {
        return refuse(format("%u axes; %u to %u are possible", tensor.axes, fewest_axes, most_axes));
    }

    if (tensor.element_bytes != 2 && tensor.element_bytes != 4) {
        return refuse(format("elements of %u bytes; the host knows 2 and 4", tensor.element_bytes));
    }

    if (tensor.is_tf32 > 1 || (tensor.is_tf32 != 0 && tensor.element_bytes != 4)) {
        return refuse("TF32 is read from elements of 4 bytes");
    }

    if (tensor.address % 16 != 0) {
        return refuse("the address is no multiple of 16");
    }

    if (tensor.swizzle > 3) {
        return refuse(format("swizzle %u; 0 to 3 are known", tensor.swizzle));
    }

    map = {};
    map.mark = valid_mark;
    map.axes = static_cast<std::uint8_t>(tensor.axes);
    map.element_bytes = static_cast<std::uint8_t>(tensor.element_bytes);
    map.swizzle = static_cast<std::uint8_t>(tensor.swizzle);
    map.is_tf32 = static_cast<std::uint8_t>(tensor.is_tf32);
    map.address = tensor.address;
    for (unsigned i = 0; i < tensor.axes; i++) {
        if (tensor.extents[i] == 0 || tensor.extents[i] > UINT32_MAX) {
            return refuse(format("extent %llu of axis %u; 1 to 2^32 - 1 are possible", static_cast<unsigned long long>(tensor.extents[i]), i));
        }

        if (tensor.steps[i] == 0 || tensor.steps[i] > 8) {
            return refuse(format("a step of %u along axis %u; 1 to 8 are possible", tensor.steps[i], i));
        }

        if (i > 0 && (tensor.strides[i - 1] % 16 != 0 || tensor.strides[i - 1] >= std::uint64_t{1} << 40)) {
            return refuse(format("stride %llu of axis %u; it is a multiple of 16 below 2^40", static_cast<unsigned long long>(tensor.strides[i - 1]), i));
        }

        map.extents[i] = static_cast<std::uint32_t>(tensor.extents[i]);
        map.steps[i] = static_cast<std::uint8_t>(tensor.steps[i]);
        if (i > 0) {
            map.strides[i - 1] = tensor.strides[i - 1];
        }
    }

    return DK_HOST_OK;
}

int finish(const HostTensorMap& map, void* target)
{
    std::size_t row = map.row_bytes();
    if (row % 16 != 0) {
        return refuse(format("rows of %zu bytes; they are multiples of 16", row));
    }

    if (map.swizzle != 0 && row != swizzle_bytes(map.swizzle)) {
        // The driver takes shorter ones too.
        return refuse(format("rows of %zu bytes with a swizzle of %zu; the host knows rows as long as it", row, swizzle_bytes(map.swizzle)));
    }

    std::memset(target, 0, 128);
    std::memcpy(target, &map, sizeof map);
    return DK_HOST_OK;
}

// Bytes of a row from channel c on that the tensor has.
TensorRow row_at(const HostTensorMap& map, std::int64_t channel, bool inside, std::uint64_t pixel)
{
    std::int64_t wanted = static_cast<std::int64_t>(map.row_bytes()) / map.element_bytes;
    std::int64_t first = std::max<std::int64_t>(channel, 0), end = std::min<std::int64_t>(channel + wanted, map.extents[0]);
    if (!inside || first >= end) {
        return {0, 0, 0};
    }

    return {pixel + static_cast<std::uint64_t>(first) * map.element_bytes, static_cast<std::size_t>(first - channel) * map.element_bytes,
        static_cast<std::size_t>(end - first) * map.element_bytes};
}

}  // namespace

bool HostTensorMap::is_valid() const { return mark == valid_mark; }

std::size_t HostTensorMap::row_bytes() const { return std::size_t{element_bytes} * (is_im2col ? column.channels : box[0]); }

void HostTensorMap::convert(unsigned char* row) const
{
    if (is_tf32 == 0) {
        return;
    }

    for (std::size_t at = 0; at < row_bytes(); at += 4) {
        std::uint32_t bits;
        std::memcpy(&bits, row + at, 4);
        if ((bits & 0x7F800000u) != 0x7F800000u) {
            bits = (bits + 0xFFFu + (bits >> 13 & 1u)) & 0xFFFFE000u;
            std::memcpy(row + at, &bits, 4);
        }
    }
}

std::size_t HostTensorMap::rows() const
{
    if (is_im2col) {
        return column.pixels;
    }

    std::size_t count = 1;
    for (unsigned i = 1; i < axes; i++) {
        count *= (std::size_t{box[i]} + steps[i] - 1) / steps[i];
    }

    return count;
}

std::size_t HostTensorMap::tensor_bytes() const
{
    std::size_t bytes = std::size_t{extents[0]} * element_bytes;
    for (unsigned i = 1; i < axes; i++) {
        bytes += (extents[i] - std::size_t{1}) * strides[i - 1];
    }

    return bytes;
}

std::uintptr_t HostTensorMap::swizzled(std::uintptr_t offset) const
{
    // As many bits from bit 4 on as the row has granules, exchanged by those from bit 7 on.
    std::uintptr_t bits = (std::uintptr_t{1} << swizzle) - 1;
    return offset ^ ((offset >> 7 & bits) << 4);
}

std::vector<TensorRow> tensor_rows(const HostTensorMap& map, const int* coordinates, const std::uint16_t* offsets, std::string& whynot)
{
    std::vector<TensorRow> rows;
    std::size_t count = map.rows();
    std::int64_t at[most_axes] = {}, start[most_axes] = {};
    for (unsigned i = 0; i < map.axes; i++) {
        at[i] = start[i] = coordinates[i];
    }

    // Of im2col, the box of base pixels along the spatial axes 1 to axes - 2.
    auto low = [&](unsigned i) { return std::int64_t{map.column.lower[i - 1]}; };
    auto high = [&](unsigned i) { return std::int64_t{map.extents[i]} + map.column.upper[i - 1]; };
    if (map.is_im2col) {
        for (unsigned i = 1; i + 1 < map.axes; i++) {
            if (at[i] < low(i) || at[i] >= high(i) || (at[i] - low(i)) % map.steps[i] != 0) {
                whynot = format("starts at %lld on axis %u; its base pixels there are those from %lld on in steps of %u, below %lld",
                    static_cast<long long>(at[i]), i, static_cast<long long>(low(i)), map.steps[i], static_cast<long long>(high(i)));
                return {};
            }

            unsigned most = map.axes == 3 ? 0xFFFF : map.axes == 4 ? 0xFF : 0x1F;
            if (offsets[i - 1] > most) {
                whynot = format("has an offset of %u along axis %u; %u is the most", offsets[i - 1], i, most);
                return {};
            }
        }
    }

    rows.reserve(count);
    while (rows.size() < count) {
        bool inside = true;
        std::uint64_t pixel = map.address;
        for (unsigned i = 1; i < map.axes; i++) {
            std::int64_t place = at[i] + (map.is_im2col && i + 1 < map.axes ? offsets[i - 1] : 0);
            inside &= place >= 0 && place < std::int64_t{map.extents[i]};
            pixel += static_cast<std::uint64_t>(place) * map.strides[i - 1];
        }

        rows.push_back(row_at(map, at[0], inside, pixel));
        for (unsigned i = 1; i < map.axes; i++) {
            at[i] += map.steps[i];
            bool last_axis = i + 1 == map.axes;
            if (last_axis && map.is_im2col) {
                at[i] += 1 - map.steps[i];
                break;
            }

            if (at[i] < (map.is_im2col ? high(i) : start[i] + map.box[i])) {
                break;
            }

            at[i] = map.is_im2col ? low(i) : start[i];
        }
    }

    return rows;
}

int encode_tiled(const dk_host_tensor& tensor, const std::uint32_t* box, void* target)
{
    HostTensorMap map;
    if (int status = encode_tensor(tensor, 1, map); status != DK_HOST_OK) {
        return status;
    }

    for (unsigned i = 0; i < tensor.axes; i++) {
        if (box[i] == 0 || box[i] > 256) {
            return refuse(format("a box of %u along axis %u; 1 to 256 are possible", box[i], i));
        }

        map.box[i] = static_cast<std::uint16_t>(box[i]);
    }

    return finish(map, target);
}

int encode_im2col(const dk_host_tensor& tensor, const std::int32_t* lower, const std::int32_t* upper, std::uint32_t channels, std::uint32_t pixels, void* target)
{
    HostTensorMap map;
    if (int status = encode_tensor(tensor, 3, map); status != DK_HOST_OK) {
        return status;
    }

    if (channels == 0 || channels > 256 || pixels == 0 || pixels > 1024) {
        return refuse(format("%u channels and %u pixels; 1 to 256 and 1 to 1024 are possible", channels, pixels));
    }

    map.is_im2col = 1;
    map.column.channels = static_cast<std::uint16_t>(channels);
    map.column.pixels = static_cast<std::uint16_t>(pixels);
    int most = tensor.axes == 3 ? 0x8000 : tensor.axes == 4 ? 0x80 : 0x10;
    for (unsigned i = 0; i < tensor.axes - 2; i++) {
        if (std::min(lower[i], upper[i]) < -most || std::max(lower[i], upper[i]) >= most) {
            return refuse(format("corners %d and %d on axis %u; %d to %d are possible with %u axes", lower[i], upper[i], i + 1, -most, most - 1, tensor.axes));
        }

        if (static_cast<std::int64_t>(tensor.extents[i + 1]) + upper[i] <= lower[i]) {
            return refuse(format("corners %d and %d on axis %u leave no base pixel", lower[i], upper[i], i + 1));
        }

        map.column.lower[i] = static_cast<std::int16_t>(lower[i]);
        map.column.upper[i] = static_cast<std::int16_t>(upper[i]);
    }

    return finish(map, target);
}

}  // namespace dk::host
