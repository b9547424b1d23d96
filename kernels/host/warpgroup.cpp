// wgmma: 128 threads meet, the product is taken from shared memory at once, and the accumulators get it at the wait. Until then they hold NaNs,
// and a copy that would overwrite an operand is a fault: on a device either may happen at any time between.
#include "block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "sanitizer.h"
#include "tensor_core.h"

namespace dk::host {

namespace {

constexpr unsigned rows = 64;
constexpr unsigned most_columns = 256;
constexpr unsigned depth_bytes = 32;

// What wgmma's number of columns is a multiple of: so many sums stay in registers.
constexpr unsigned columns_at_once = 8;

// A matrix in shared memory as a descriptor tells it.
struct Operand {
    std::uintptr_t start;
    unsigned leading, stride;  // in bytes
    unsigned base_offset;
    unsigned swizzle;  // as in tensor maps: 0 none; 1, 2, 3: 32, 64, 128 bytes

    explicit Operand(std::uint64_t descriptor)
        : start((descriptor & 0x3FFF) << 4), leading(static_cast<unsigned>(descriptor >> 16 & 0x3FFF) << 4),
          stride(static_cast<unsigned>(descriptor >> 32 & 0x3FFF) << 4), base_offset(static_cast<unsigned>(descriptor >> 49 & 7)),
          swizzle(static_cast<unsigned>((4 - (descriptor >> 62)) & 3))
    {
    }

    std::uintptr_t span() const { return std::uintptr_t{16} << swizzle; }

    // Along the reduction (K-major), rows of 32 bytes of it: eight of them make a unit, contiguous cores of 8 x 16 bytes without a swizzle, else as long as it.
    std::uintptr_t granule(unsigned row, unsigned half) const
    {
        std::uintptr_t unit = start + row / 8 * std::uintptr_t{stride};
        return swizzle == 0 ? unit + half * std::uintptr_t{leading} + row % 8 * 16 : swizzled(unit + row % 8 * span() + half * 16);
    }

    // Across it (MN-major), lines k of 16: eight of them make a unit, as wide as the swizzle, or 16 bytes. Without one, leading and stride change places.
    std::uintptr_t granule_across(unsigned k, unsigned granule) const
    {
        if (swizzle == 0) {
            return start + granule * std::uintptr_t{stride} + k / 8 * std::uintptr_t{leading} + k % 8 * 16;
        }

        unsigned wide = static_cast<unsigned>(span() / 16);
        return swizzled(start + granule / wide * std::uintptr_t{leading} + k / 8 * std::uintptr_t{stride} + k % 8 * span() + granule % wide * 16);
    }

    std::uintptr_t swizzled(std::uintptr_t place) const { return place ^ ((place >> 7 & ((1u << swizzle) - 1)) << 4); }
};

float element(const unsigned char* granule, unsigned index, WgmmaType type)
{
    std::uint32_t bits = 0;
    if (type == WgmmaType::Bf16) {
        std::memcpy(reinterpret_cast<unsigned char*>(&bits) + 2, granule + 2 * index, 2);
    } else {
        std::memcpy(&bits, granule + 4 * index, 4);
        bits &= 0xFFFFE000u;
    }

    return std::bit_cast<float>(bits);
}

unsigned row_of(unsigned thread, unsigned r) { return thread / 32 * 16 + thread % 32 / 4 + 8 * (r / 2 % 2); }
unsigned column_of(unsigned thread, unsigned r) { return r / 4 * 8 + 2 * (thread % 4) + r % 2; }

bool is_poison(const float* sums, std::size_t count)
{
    return std::all_of(sums, sums + count, [](float v) { return std::bit_cast<std::uint32_t>(v) == 0xFFFFFFFFu; });
}

}  // namespace

// Reads one operand, 16 bytes at a time, into k-major floats, and notes what it read.
void BlockRunner::read_operand(
    std::uint64_t descriptor, const char* name, unsigned lines, const WgmmaCall& call, float* values, WgmmaOperands& read, std::source_location where)
{
    Operand operand(descriptor);
    if (operand.swizzle != 0 && (operand.base_offset != 0 || operand.start % (8 * operand.span()) >= operand.span())) {
        fault(DK_HOST_WARPGROUP, format("multiplies at %s with %s that starts %zu bytes past a multiple of %zu: its first row must be the first of eight", describe(where).c_str(),
            name, static_cast<std::size_t>(operand.start % (8 * operand.span())), static_cast<std::size_t>(8 * operand.span())));
    }

    auto granule_at = [&](std::uintptr_t offset, unsigned line) {
        const unsigned char* granule = shared_.at_offset(offset);
        if (!shared_.contains(granule) || !shared_.within_array(granule, 16)) {
            fault(DK_HOST_OUT_OF_BOUNDS, format("multiplies at %s with row %u of %s at %s: out of bounds", describe(where).c_str(), line, name, shared_.describe(granule).c_str()));
        }

        if (sanitizer::watching) {
            const void* code = current_thread->code;
            Finding finding = shared_.read(granule, 16, accessor(current_thread->linear, code));
            if (finding.objection != Objection::None) {
                object(*this, finding, granule, 16, false, code);
            }
        }

        read.granules.push_back(granule);
        return granule;
    };
    unsigned per_granule = call.type == WgmmaType::Bf16 ? 8 : 4;
    if (call.order == WgmmaOrder::AcrossReduction) {
        for (unsigned k = 0; k < 2 * per_granule; k++) {
            for (unsigned line = 0; line < lines; line += per_granule) {
                const unsigned char* granule = granule_at(operand.granule_across(k, line / per_granule), k);
                for (unsigned i = 0; i < per_granule; i++) {
                    values[k * lines + line + i] = element(granule, i, call.type);
                }
            }
        }

        return;
    }

    for (unsigned line = 0; line < lines; line++) {
        for (unsigned half = 0; half < 2; half++) {
            const unsigned char* granule = granule_at(operand.granule(line, half), line);
            for (unsigned i = 0; i < per_granule; i++) {
                values[(half * per_granule + i) * lines + line] = element(granule, i, call.type);
            }
        }
    }
}

void BlockRunner::multiply_warpgroup(const WgmmaCall& call, const void* code, std::source_location where)
{
    Thread& thread = *current_thread;
    unsigned group = thread.linear / warpgroup_threads, first = group * warpgroup_threads;
    if (first + warpgroup_threads > count_) {
        fault(DK_HOST_WARPGROUP, format("comes to wgmma at %s; the block's last %u threads are no whole warpgroup", describe(where).c_str(), count_ - first));
    }

    thread.state = ThreadState::AtWarpgroup;
    thread.where = where;
    thread.code = code;
    thread.wgmma = call;
    if (++warpgroup_waiting_[group] == warpgroup_threads) {
        warpgroup_waiting_[group] = 0;
        complete_wgmma(first);
        for (unsigned i = 0; i < warpgroup_threads; i++) {
            make_ready(threads_[first + (launch_->seed == 1 ? warpgroup_threads - 1 - i : i)]);
        }
    }

    wait(thread);
}

void BlockRunner::complete_wgmma(unsigned first)
{
    const WgmmaCall& call = threads_[first].wgmma;
    std::source_location where = threads_[first].where;
    for (unsigned i = 0; i < warpgroup_threads; i++) {
        const Thread& other = threads_[first + i];
        if (other.wgmma.columns != call.columns || other.wgmma.a != call.a || other.wgmma.b != call.b || other.wgmma.type != call.type || other.wgmma.order != call.order || other.where.line() != where.line()) {
            fault(DK_HOST_WARPGROUP, format("comes to wgmma at %s; thread %s of the same warpgroup comes to another, or with other descriptors, at %s",
                describe(where).c_str(), describe(other.index).c_str(), describe(other.where).c_str()));
        }
    }

    unsigned depth = call.type == WgmmaType::Bf16 ? 16 : 8;
    wgmma_scratch_.resize(16 * rows + 16 * most_columns + rows * most_columns);
    float *a = wgmma_scratch_.data(), *b = a + 16 * rows, *sums = b + 16 * most_columns;
    WgmmaOperands& read = wgmma_operands_.emplace_back();
    read.number = ++wgmma_count_;
    read.threads = warpgroup_threads;
    read_operand(call.a, "a", rows, call, a, read, where);
    read_operand(call.b, "b", call.columns, call, b, read, where);

    std::size_t count = call.columns / 2;
    for (unsigned i = 0; i < warpgroup_threads; i++) {
        const std::vector<float>& values = start_wgmma(threads_[first + i], count, read.number);
        for (unsigned r = 0; r < count; r++) {
            sums[row_of(i, r) * call.columns + column_of(i, r)] = values[r];
        }
    }

    for (unsigned row = 0; row < rows; row++) {
        for (unsigned column = 0; column < call.columns; column += columns_at_once) {
            float* some = sums + row * call.columns + column;
            std::array<double, columns_at_once> exact;
            std::copy_n(some, columns_at_once, exact.begin());
            for (unsigned k = 0; k < depth; k++) {
                double left = a[k * rows + row];
                const float* right = b + k * call.columns + column;
                for (unsigned i = 0; i < columns_at_once; i++) {
                    exact[i] += left * right[i];
                }
            }

            std::transform(exact.begin(), exact.end(), some, cut_off);
        }
    }

    for (unsigned i = 0; i < warpgroup_threads; i++) {
        std::vector<float>& values = threads_[first + i].wgmma_sums.back().values;
        for (unsigned r = 0; r < count; r++) {
            values[r] = sums[row_of(i, r) * call.columns + column_of(i, r)];
        }
    }
}

// The thread's accumulators as the product finds them: its newest entry afterwards, of the group that is not committed yet.
const std::vector<float>& BlockRunner::start_wgmma(Thread& thread, std::size_t count, unsigned number)
{
    float* target = thread.wgmma.sums;
    auto entry = std::find_if(thread.wgmma_sums.begin(), thread.wgmma_sums.end(),
        [&](const WgmmaSums& s) { return s.target < target + count && target < s.target + s.values.size(); });
    if (entry != thread.wgmma_sums.end()) {
        if (entry->target != target || entry->values.size() != count || !is_poison(target, count)) {
            fault(DK_HOST_WARPGROUP, format("multiplies at %s into accumulators that are on their way from another wgmma, as others or changed", describe(thread.where).c_str()));
        }

        std::rotate(entry, entry + 1, thread.wgmma_sums.end());
    } else {
        if (!thread.wgmma_fenced) {
            fault(DK_HOST_WARPGROUP, format("multiplies at %s into registers with no wgmma_fence since they were free", describe(thread.where).c_str()));
        }

        thread.wgmma_sums.push_back({target, 0, std::vector<float>(target, target + count)});
        std::memset(target, fresh_fill & 0xFF, count * sizeof(float));
    }

    thread.wgmma_sums.back().group = thread.wgmma_group;
    thread.wgmma_reads.push_back({thread.wgmma_group, number});
    return thread.wgmma_sums.back().values;
}

void BlockRunner::wait_for_wgmma(unsigned pending, std::source_location where)
{
    Thread& thread = *current_thread;
    if (thread.wgmma_group <= pending) {
        return;
    }

    unsigned newest = thread.wgmma_group - pending - 1;
    std::erase_if(thread.wgmma_reads, [&](const WgmmaRead& r) {
        if (r.group > newest) {
            return false;
        }

        auto operands = std::find_if(wgmma_operands_.begin(), wgmma_operands_.end(), [&](const WgmmaOperands& o) { return o.number == r.number; });
        if (--operands->threads == 0) {
            wgmma_operands_.erase(operands);
        }

        return true;
    });
    for (WgmmaSums& sums : thread.wgmma_sums) {
        if (sums.group <= newest) {
            if (!is_poison(sums.target, sums.values.size())) {
                fault(DK_HOST_WARPGROUP, format("waits at %s for accumulators that were changed on their way", describe(where).c_str()));
            }

            std::copy(sums.values.begin(), sums.values.end(), sums.target);
            thread.wgmma_fenced = false;
        }
    }

    std::erase_if(thread.wgmma_sums, [&](const WgmmaSums& sums) { return sums.group <= newest; });
}

void BlockRunner::forbid_operand_change(const BlockRunner& owner, const unsigned char* target, std::size_t bytes, const std::string& act)
{
    for (const WgmmaOperands& operands : owner.wgmma_operands_) {
        for (const unsigned char* granule : operands.granules) {
            if (granule + 16 > target && granule < target + bytes) {
                fault(DK_HOST_WARPGROUP, act + format(" over %s, which a wgmma reads that %u threads have not waited for", owner.shared_.describe(granule).c_str(), operands.threads));
            }
        }
    }
}

}  // namespace dk::host
