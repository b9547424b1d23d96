// mbarriers, and the tensor copies that land at them. A copy's bytes travel when it begins and land when the phase is over that counts them; the
// copy itself is finished as late as can be: when no thread can run, or in a random order of threads at any time before.
#include "block.h"

#include "cluster.h"

#include <algorithm>
#include <cstring>

#include "sanitizer.h"
#include "tensor_map.h"

namespace dk::host {

namespace {

constexpr unsigned most_arrivals = (1u << 20) - 1;
constexpr int most_bytes = (1 << 20) - 1;

}  // namespace

Mbarrier* BlockRunner::find_mbarrier(const void* address)
{
    auto found = std::find_if(mbarriers_.begin(), mbarriers_.end(), [&](const Mbarrier& b) { return b.address == address; });
    return found == mbarriers_.end() ? nullptr : &*found;
}

Mbarrier& BlockRunner::mbarrier_at(const void* address, const char* use, std::source_location where)
{
    Mbarrier* found = find_mbarrier(address);
    if (!found) {
        fault(DK_HOST_MBARRIER, format("%s at %s %s, where no mbarrier was initialised", use, describe(where).c_str(), shared_.describe(address).c_str()));
    }

    if (found->initialiser != current_thread->linear && found->epoch == epoch_) {
        fault(DK_HOST_MBARRIER, format("%s at %s the mbarrier at %s with no barrier since thread %s initialised it", use, describe(where).c_str(),
            shared_.describe(address).c_str(), describe(threads_[found->initialiser].index).c_str()));
    }

    return *found;
}

// That of another block which lies where this block's own has the address.
Mbarrier& BlockRunner::mbarrier_of(BlockRunner& other, const void* address, const std::string& use)
{
    Mbarrier* found = shared_.contains(address) ? other.find_mbarrier(other.shared_.at_offset(shared_.offset_of(address))) : nullptr;
    std::string block = describe(other.block_index_);
    if (!found) {
        fault(DK_HOST_MBARRIER, use + format(" to %s of block %s, where no mbarrier was initialised", shared_.describe(address).c_str(), block.c_str()));
    }

    if (found->cluster_phase == cluster_->phase() || !found->fenced) {
        fault(DK_HOST_MBARRIER, use + format(" to the mbarrier at %s of block %s with no %s since it was initialised", shared_.describe(address).c_str(), block.c_str(),
            found->fenced ? "barrier of the cluster" : "mbarrier_fence_init"));
    }

    return *found;
}

void BlockRunner::init_mbarrier(const void* address, unsigned arrivals, std::source_location where)
{
    if (reinterpret_cast<std::uintptr_t>(address) % 8 != 0 || !shared_.contains(address) || !shared_.within_array(address, 8)) {
        fault(DK_HOST_MBARRIER, format("initialises an mbarrier at %s whose address is no multiple of 8 in a shared array", describe(where).c_str()));
    }

    if (arrivals == 0 || arrivals > most_arrivals) {
        fault(DK_HOST_MBARRIER, format("initialises an mbarrier at %s for %u arrivals; 1 to %u are possible", describe(where).c_str(), arrivals, most_arrivals));
    }

    if (std::any_of(mbarriers_.begin(), mbarriers_.end(), [&](const Mbarrier& b) { return b.address == address; })) {
        fault(DK_HOST_MBARRIER, format("initialises the mbarrier at %s again at %s", shared_.describe(address).c_str(), describe(where).c_str()));
    }

    mbarriers_.push_back({address, arrivals, arrivals, 0, 0, false, current_thread->linear, epoch_, cluster_->phase()});
}

void BlockRunner::fence_mbarrier_init()
{
    for (Mbarrier& b : mbarriers_) {
        b.fenced |= b.initialiser == current_thread->linear;
    }
}

void BlockRunner::arrive_at_mbarrier(const void* address, unsigned announced_bytes, std::source_location where)
{
    arrive_at(mbarrier_at(address, "arrives", where), *this, announced_bytes, where);
}

void BlockRunner::arrive_at_mbarrier_of(unsigned rank, const void* address, std::source_location where)
{
    std::string arrival = "arrives at " + describe(where);
    BlockRunner& other = other_block(rank, arrival);
    arrive_at(&other == this ? mbarrier_at(address, "arrives", where) : mbarrier_of(other, address, arrival), other, 0, where);
}

void BlockRunner::arrive_at(Mbarrier& b, BlockRunner& owner, unsigned announced_bytes, std::source_location where)
{
    if (announced_bytes > static_cast<unsigned>(most_bytes) || b.bytes_left + static_cast<int>(announced_bytes) > most_bytes) {
        fault(DK_HOST_MBARRIER, format("announces %u bytes at %s; a phase can count %d", announced_bytes, describe(where).c_str(), most_bytes));
    }

    if (b.arrivals_left == 0) {
        fault(DK_HOST_MBARRIER, format("arrives at %s at the mbarrier at %s%s, for whose phase all %u arrivals have come", describe(where).c_str(),
            owner.shared_.describe(b.address).c_str(), &owner == this ? "" : (" of block " + describe(owner.block_index_)).c_str(), b.arrivals));
    }

    b.bytes_left += static_cast<int>(announced_bytes);
    b.arrivals_left--;
    owner.end_phase_if_complete(b);
}

void BlockRunner::end_phase_if_complete(Mbarrier& b)
{
    if (b.arrivals_left > 0 || b.bytes_left != 0) {
        return;
    }

    for (TensorCopy& copy : tensor_copies_) {
        if (copy.finished && copy.barrier == b.address) {
            std::memcpy(copy.target, copy.data.data(), copy.data.size());
            if (sanitizer::watching) {
                shared_.land_copy(copy.target, copy.data.size(), accessor(copy.thread, copy.code));
            }
        }
    }

    std::erase_if(tensor_copies_, [&](const TensorCopy& copy) { return copy.finished && copy.barrier == b.address; });
    b.phase++;
    b.arrivals_left = b.arrivals;
    cluster_->order_accesses();
    for (unsigned i = 0; i < count_; i++) {
        Thread& thread = threads_[launch_->seed == 1 ? count_ - 1 - i : i];
        if (thread.state == ThreadState::AtMbarrier && thread.mbarrier == b.address) {
            make_ready(thread);
        }
    }
}

void BlockRunner::wait_for_mbarrier(const void* address, unsigned parity, std::source_location where)
{
    Mbarrier& b = mbarrier_at(address, "waits", where);
    if (parity > 1) {
        fault(DK_HOST_MBARRIER, format("waits at %s for parity %u; a phase's is 0 or 1", describe(where).c_str(), parity));
    }

    if (b.phase % 2 != parity) {
        return;
    }

    Thread& thread = *current_thread;
    thread.state = ThreadState::AtMbarrier;
    thread.mbarrier = address;
    thread.where = where;
    wait(thread);
}

// To this block, or to the same place in each of those whose bits are set, each of which gets its bytes and its mbarrier's signal for itself.
void BlockRunner::begin_tensor_copy(unsigned char* target, const void* map_bits, const void* barrier, const int* coordinates, unsigned axes,
    const std::uint16_t* offsets, const unsigned* ranks, const void* code, std::source_location where)
{
    std::string copy = "begins a tensor copy at " + describe(where);
    HostTensorMap map;
    std::memcpy(&map, map_bits, sizeof map);
    if (!map.is_valid() || map.axes != axes || (map.is_im2col != 0) != (offsets != nullptr)) {
        fault(DK_HOST_INVALID_ARGUMENT, copy + format(" of %u axes, %s, with something else than such a tensor map", axes, offsets ? "im2col" : "tiled"));
    }

    if (reinterpret_cast<std::uintptr_t>(target) % 128 != 0) {
        fault(DK_HOST_MISALIGNED, copy + " to an address that is no multiple of 128");
    }

    std::vector<unsigned char> bytes = read_tensor(map, shared_.offset_of(target), coordinates, offsets, copy, code);
    if (!ranks) {
        begin_tensor_copy_to(*this, target, mbarrier_at(barrier, "begins a tensor copy", where), bytes, copy, code);
        return;
    }

    if (*ranks == 0) {
        fault(DK_HOST_CLUSTER, copy + " to no block at all");
    }

    for (unsigned rank = 0; *ranks >> rank != 0; rank++) {
        if (*ranks >> rank & 1) {
            BlockRunner& other = other_block(rank, copy);
            Mbarrier& b = &other == this ? mbarrier_at(barrier, "begins a tensor copy", where) : mbarrier_of(other, barrier, copy);
            begin_tensor_copy_to(other, target, b, bytes, copy, code);
        }
    }
}

void BlockRunner::begin_tensor_copy_to(
    BlockRunner& other, unsigned char* target, const Mbarrier& barrier, const std::vector<unsigned char>& bytes, const std::string& copy, const void* code)
{
    if (!barrier.fenced) {
        fault(DK_HOST_MBARRIER, copy + format(" to the mbarrier at %s, whose init was not followed by mbarrier_fence_init", other.shared_.describe(barrier.address).c_str()));
    }

    if (!shared_.contains(target) || !shared_.within_array(target, bytes.size())) {
        fault(DK_HOST_OUT_OF_BOUNDS, copy + format(" of %zu bytes, which lie outside every shared array", bytes.size()));
    }

    target = other.shared_.at_offset(shared_.offset_of(target));
    forbid_operand_change(other, target, bytes.size(), copy);
    Accessor by = accessor_in(other, code);
    if (sanitizer::watching) {
        Finding finding = other.shared_.begin_copy(target, bytes.size(), by);
        if (finding.objection != Objection::None) {
            object(other, finding, target, bytes.size(), true, code);
        }
    }

    other.tensor_copies_.push_back({target, barrier.address, code, by.thread, false, bytes});
    std::memset(target, fresh_fill & 0xFF, bytes.size());
}

// What a copy brings, as it lies from the offset in shared memory on.
std::vector<unsigned char> BlockRunner::read_tensor(
    const HostTensorMap& map, std::uintptr_t first, const int* coordinates, const std::uint16_t* offsets, const std::string& copy, const void* code)
{
    auto tensor = reinterpret_cast<const unsigned char*>(map.address);
    const Allocation* allocation = launch_->memory->find_below(tensor);
    std::size_t offset = allocation ? static_cast<std::size_t>(tensor - allocation->address) : 0;
    if (!allocation || allocation->freed || offset > allocation->bytes || map.tensor_bytes() > allocation->bytes - offset) {
        fault(allocation && allocation->freed ? DK_HOST_USE_AFTER_FREE : DK_HOST_OUT_OF_BOUNDS,
            copy + format(" from a tensor of %zu bytes at %s", map.tensor_bytes(), describe_address(*launch_->memory, tensor).c_str()));
    }

    std::string whynot;
    std::vector<TensorRow> rows = tensor_rows(map, coordinates, offsets, whynot);
    if (!whynot.empty()) {
        fault(DK_HOST_INVALID_ARGUMENT, copy + ", which " + whynot);
    }

    std::vector<unsigned char> data(map.bytes());
    std::size_t row_bytes = map.row_bytes();
    std::vector<unsigned char> line(row_bytes);
    for (std::size_t r = 0; r < rows.size(); r++) {
        const TensorRow& row = rows[r];
        std::fill(line.begin(), line.end(), static_cast<unsigned char>(0));
        if (row.source) {
            auto source = reinterpret_cast<const unsigned char*>(row.source);
            if (sanitizer::watching) {
                watch_device(source, row.bytes, false, code);
            }

            std::memcpy(line.data() + row.leading_zeros, source, row.bytes);
            map.convert(line.data());
        }

        for (std::size_t at = 0; at < row_bytes; at += 16) {
            std::memcpy(data.data() + (map.swizzled(first + r * row_bytes + at) - first), line.data() + at, 16);
        }
    }

    return data;
}

bool BlockRunner::finish_tensor_copy()
{
    std::vector<TensorCopy*> running;
    for (TensorCopy& copy : tensor_copies_) {
        if (!copy.finished) {
            running.push_back(&copy);
        }
    }

    if (running.empty()) {
        return false;
    }

    TensorCopy& copy = launch_->seed == 0 ? *running.front() : launch_->seed == 1 ? *running.back() : *running[random_.next() % running.size()];
    copy.finished = true;
    auto b = std::find_if(mbarriers_.begin(), mbarriers_.end(), [&](const Mbarrier& m) { return m.address == copy.barrier; });
    b->bytes_left -= static_cast<int>(copy.data.size());
    if (b->bytes_left < -most_bytes) {
        report_block(DK_HOST_MBARRIER, format("%d bytes have landed at the mbarrier at %s that nobody announced", -b->bytes_left, shared_.describe(b->address).c_str()));
        return true;
    }

    end_phase_if_complete(*b);
    return true;
}

// In a random order a copy may be done long before anybody waits for it.
bool BlockRunner::may_finish_copy_early() { return launch_->seed > 1 && !tensor_copies_.empty() && random_.next() % 8 == 0; }

// What is left of the mbarriers when all threads have returned.
void BlockRunner::check_tensor_copies()
{
    if (!tensor_copies_.empty()) {
        report_block(DK_HOST_MBARRIER, format("all threads have returned while %zu tensor copies were on their way, the last to %s", tensor_copies_.size(),
            shared_.describe(tensor_copies_.back().target).c_str()));
    }
}

std::string BlockRunner::describe_mbarrier(const void* address) const
{
    auto b = std::find_if(mbarriers_.begin(), mbarriers_.end(), [&](const Mbarrier& m) { return m.address == address; });
    return format("phase %u of the mbarrier at %s, which lacks %u of %u arrivals and %d bytes", b->phase, shared_.describe(address).c_str(), b->arrivals_left,
        b->arrivals, b->bytes_left);
}

}  // namespace dk::host
