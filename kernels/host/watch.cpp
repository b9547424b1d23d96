// What the checked build does at every access of a kernel, and what all builds do at an asynchronous copy.
#include "block.h"

#include "cluster.h"

#include <algorithm>
#include <cstring>

#include <link.h>

#include "sanitizer.h"

namespace dk::host {

namespace {

struct AddressRange {
    const char* from = nullptr;
    const char* to = nullptr;
};

// Where this library is mapped: a kernel may read its constants.
AddressRange find_library()
{
    AddressRange range;
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* result) {
            auto self = reinterpret_cast<ElfW(Addr)>(&find_library);
            const char *from = nullptr, *to = nullptr;
            bool mine = false;
            for (int i = 0; i < info->dlpi_phnum; i++) {
                const auto& segment = info->dlpi_phdr[i];
                if (segment.p_type == PT_LOAD) {
                    ElfW(Addr) start = info->dlpi_addr + segment.p_vaddr;
                    mine |= self - start < segment.p_memsz;
                    from = from ? from : reinterpret_cast<const char*>(start);
                    to = reinterpret_cast<const char*>(start + segment.p_memsz);
                }
            }

            if (mine) {
                *static_cast<AddressRange*>(result) = {from, to};
            }

            return mine ? 1 : 0;
        },
        &range);
    return range;
}

bool in_library(const void* address)
{
    static const AddressRange range = find_library();
    auto a = static_cast<const char*>(address);
    return a >= range.from && a < range.to;
}

}  // namespace

// Of this block's memory, by one of its threads or by another block's.
Accessor BlockRunner::accessor(unsigned thread, const void* code) const
{
    return {static_cast<std::uint16_t>(thread), thread < foreign_threads ? warp_epochs_[thread / warp_threads] : std::uint16_t{0}, epoch_, code};
}

// By the current thread, which is this block's.
Accessor BlockRunner::accessor_in(const BlockRunner& owner, const void* code) const
{
    unsigned thread = current_thread->linear;
    return owner.accessor(&owner == this ? thread : foreign_thread(rank_, thread), code);
}

std::string BlockRunner::describe_accessor(unsigned thread) const
{
    if (thread < foreign_threads) {
        return "thread " + describe(threads_[thread].index);
    }

    const BlockRunner& block = cluster_->block(thread / foreign_threads - 1);
    return format("thread %s of block %s", describe(block.threads_[thread % foreign_threads].index).c_str(), describe(block.block_index_).c_str());
}

void BlockRunner::object(const BlockRunner& owner, const Finding& finding, const void* address, std::size_t bytes, bool write, const void* code)
{
    std::string act = format("%s %zu bytes at %s, %s", write ? "writes" : "reads", bytes, describe_code(code).c_str(), owner.shared_.describe(address).c_str());
    if (&owner != this) {
        act += " of block " + describe(owner.block_index_);
    }

    switch (finding.objection) {
    case Objection::OutOfBounds:
        fault(DK_HOST_OUT_OF_BOUNDS, act + ": out of bounds");
    case Objection::Uninitialised:
        fault(DK_HOST_UNINITIALISED, act + ", which no thread of the block has written so far");
    case Objection::OnItsWay:
        fault(DK_HOST_ASYNC_COPY, act + format(", the target of an asynchronous copy that %s began at %s and has not waited for",
            owner.describe_accessor(finding.earlier_thread).c_str(), describe_code(finding.earlier_code).c_str()));
    default:
        fault(DK_HOST_RACE, act + format(", which %s %s at %s with no barrier between",
            owner.describe_accessor(finding.earlier_thread).c_str(), finding.earlier_wrote ? "wrote" : "read", describe_code(finding.earlier_code).c_str()));
    }
}

void BlockRunner::watch_device(const void* address, std::size_t bytes, bool write, const void* code)
{
    auto offset_in = [&](const Allocation* a) { return static_cast<std::size_t>(static_cast<const unsigned char*>(address) - a->address); };
    const Allocation* allocation = last_allocation_;
    if (!allocation || offset_in(allocation) >= allocation->bytes) {
        allocation = launch_->memory->find_below(address);
    }

    std::size_t offset = allocation ? offset_in(allocation) : 0;
    if (!allocation || offset >= allocation->bytes || bytes > allocation->bytes - offset || allocation->freed) {
        if (in_library(address) && !write) {
            return;
        }

        bool freed = allocation && allocation->freed && offset < allocation->bytes;
        fault(freed ? DK_HOST_USE_AFTER_FREE : DK_HOST_OUT_OF_BOUNDS, format("%s %zu bytes at %s, %s", write ? "writes" : "reads", bytes,
            describe_code(code).c_str(), describe_address(*launch_->memory, address).c_str()));
    }

    last_allocation_ = allocation;
    for (std::size_t word = offset / 4; word <= (offset + bytes - 1) / 4; word++) {
        std::size_t low = std::max(offset, word * 4) - word * 4, high = std::min(offset + bytes, word * 4 + 4) - word * 4;
        unsigned mask = ((1u << high) - 1) & ~((1u << low) - 1);
        unsigned char& written = allocation->written[word];
        if (write) {
            // Two blocks may write the halves of one word.
            __atomic_fetch_or(&written, static_cast<unsigned char>(mask), __ATOMIC_RELAXED);
        } else if (mask & ~static_cast<unsigned>(__atomic_load_n(&written, __ATOMIC_RELAXED))) {
            fault(DK_HOST_UNINITIALISED, format("reads %zu bytes at %s, %s, which nothing has written so far", bytes, describe_code(code).c_str(),
                describe_address(*launch_->memory, address).c_str()));
        }
    }
}

// The block of the cluster whose shared memory the address is in, or null.
BlockRunner* BlockRunner::owner_of(const void* address)
{
    if (shared_.contains(address)) {
        return this;
    }

    for (unsigned rank = 0; rank < cluster_->size(); rank++) {
        if (cluster_->block(rank).shared_.contains(address)) {
            return &other_block(rank, "accesses shared memory");
        }
    }

    return nullptr;
}

void BlockRunner::watch(const void* address, std::size_t bytes, bool write, const void* code)
{
    if (BlockRunner* owner = owner_of(address)) {
        Accessor by = accessor_in(*owner, code);
        Finding finding = write ? owner->shared_.write(address, bytes, by) : owner->shared_.read(address, bytes, by);
        if (finding.objection != Objection::None) {
            object(*owner, finding, address, bytes, write, code);
        }
    } else if (!stacks_.contains(address)) {
        watch_device(address, bytes, write, code);
    }
}

void BlockRunner::watch_atomic(const void* address, std::size_t bytes, const void* code)
{
    // Atomics do not race with each other; as accesses of nobody they would hide nothing else either.
    if (BlockRunner* owner = owner_of(address); !owner) {
        watch_device(address, bytes, false, code);
    } else if (!owner->shared_.within_array(address, bytes)) {
        object(*owner, {Objection::OutOfBounds}, address, bytes, true, code);
    }
}

void BlockRunner::begin_copy(unsigned char* target, const unsigned char* source, unsigned bytes, unsigned source_bytes, const void* code)
{
    Thread& thread = *current_thread;
    auto misaligned = [&](const void* address) { return reinterpret_cast<std::uintptr_t>(address) % bytes != 0; };
    if (misaligned(target) || (source_bytes > 0 && misaligned(source))) {
        fault(DK_HOST_MISALIGNED, format("begins an asynchronous copy of %u bytes at %s from or to an address that is no multiple of %u",
            bytes, describe_code(code).c_str(), bytes));
    }

    if (!shared_.contains(target) || !shared_.within_array(target, bytes)) {
        fault(DK_HOST_OUT_OF_BOUNDS, format("begins an asynchronous copy at %s whose target lies outside every shared array", describe_code(code).c_str()));
    }

    if (sanitizer::watching) {
        Finding finding = shared_.begin_copy(target, bytes, accessor(thread.linear, code));
        if (finding.objection != Objection::None) {
            object(*this, finding, target, bytes, true, code);
        }

        if (source_bytes > 0) {
            watch_device(source, source_bytes, false, code);
        }
    }

    AsyncCopy& copy = thread.copies.emplace_back(AsyncCopy{target, bytes, thread.copy_group, code, {}});
    std::memcpy(copy.data, source, source_bytes);
    std::memset(target, fresh_fill & 0xFF, bytes);
}

void BlockRunner::land_copies(unsigned newest_group)
{
    Thread& thread = *current_thread;
    auto late = std::find_if(thread.copies.begin(), thread.copies.end(), [&](const AsyncCopy& copy) { return copy.group > newest_group; });
    for (auto copy = thread.copies.begin(); copy != late; ++copy) {
        std::memcpy(copy->target, copy->data, copy->bytes);
        if (sanitizer::watching) {
            shared_.land_copy(copy->target, copy->bytes, accessor(thread.linear, copy->code));
        }
    }

    thread.copies.erase(thread.copies.begin(), late);
}

}  // namespace dk::host
