// What a running kernel calls: thread.h, warp.h, async_copy.h, cluster_calls.h, mbarrier.h, warpgroup.h and atomics.h, on the current fiber.
#include "async_copy.h"
#include "atomics.h"
#include "block.h"
#include "cluster.h"
#include "cluster_calls.h"
#include "mbarrier.h"
#include "sanitizer.h"
#include "thread.h"

namespace dk::host {

uint3 thread_index() noexcept { return current_thread->index; }

uint3 block_index() noexcept { return current_runner->block_index(); }

uint3 block_extent() noexcept { return current_runner->launch().block; }

uint3 grid_extent() noexcept { return current_runner->launch().grid; }

unsigned lane_index() noexcept { return current_thread->lane(); }

void* shared_array(const void* key, const char* name, std::size_t bytes) { return current_runner->shared_array(key, name, bytes); }

void* dynamic_shared() { return current_runner->shared().dynamic(); }

void synchronize_block(std::source_location where)
{
    current_runner->synchronize(0, current_runner->thread_count(), true, false, where);
}

int synchronize_block_count(bool predicate, std::source_location where)
{
    current_runner->synchronize(0, current_runner->thread_count(), true, predicate, where);
    return current_thread->votes;
}

static void check_named(unsigned barrier, unsigned threads, std::source_location where)
{
    if (barrier >= barrier_count || threads == 0 || threads % warp_threads != 0 || threads > current_runner->thread_count()) {
        current_runner->fault(DK_HOST_INVALID_ARGUMENT, format("uses barrier %u for %u threads at %s; a block of %u threads has barriers 0 to %u for a multiple of 32 threads",
            barrier, threads, describe(where).c_str(), current_runner->thread_count(), barrier_count - 1));
    }
}

void synchronize_named(unsigned barrier, unsigned threads, std::source_location where)
{
    check_named(barrier, threads, where);
    current_runner->synchronize(barrier, threads, false, false, where);
}

void arrive_named(unsigned barrier, unsigned threads, std::source_location where)
{
    check_named(barrier, threads, where);
    current_runner->arrive(barrier, threads, where);
}

void trap(std::source_location where)
{
    current_runner->fault(DK_HOST_TRAP, "trap at " + describe(where));
}

void meet_warp(const WarpOperation& operation, unsigned mask, void* argument, std::source_location where)
{
    current_runner->meet(operation, mask, argument, where);
}

void begin_async_copy(void* target, const void* source, unsigned bytes, unsigned source_bytes)
{
    current_runner->begin_copy(static_cast<unsigned char*>(target), static_cast<const unsigned char*>(source), bytes, source_bytes, __builtin_return_address(0));
}

void commit_async_copies() { current_thread->copy_group++; }

void wait_async_copies(unsigned pending)
{
    // Group numbers count from 0; the newest committed one is copy_group - 1.
    unsigned committed = current_thread->copy_group;
    if (committed > pending) {
        current_runner->land_copies(committed - pending - 1);
    }
}

void wait_all_async_copies() { current_runner->land_copies(current_thread->copy_group); }

void init_mbarrier(const void* barrier, unsigned arrivals, std::source_location where) { current_runner->init_mbarrier(barrier, arrivals, where); }

void fence_mbarrier_init() { current_runner->fence_mbarrier_init(); }

void arrive_at_mbarrier(const void* barrier, unsigned announced_bytes, std::source_location where)
{
    current_runner->arrive_at_mbarrier(barrier, announced_bytes, where);
}

void arrive_at_mbarrier_of(unsigned rank, const void* barrier, std::source_location where) { current_runner->arrive_at_mbarrier_of(rank, barrier, where); }

void wait_for_mbarrier(const void* barrier, unsigned parity, std::source_location where) { current_runner->wait_for_mbarrier(barrier, parity, where); }

void begin_tensor_copy(void* target, const void* map, const void* barrier, const int* coordinates, unsigned axes, const unsigned short* offsets, const unsigned* ranks,
    std::source_location where)
{
    current_runner->begin_tensor_copy(static_cast<unsigned char*>(target), map, barrier, coordinates, axes, offsets, ranks, __builtin_return_address(0), where);
}

unsigned shared_offset(const void* shared) { return static_cast<unsigned>(current_runner->shared().offset_of(shared)); }

unsigned cluster_rank() { return current_runner->rank(); }

unsigned cluster_size() { return current_runner->cluster().size(); }

void arrive_at_cluster(std::source_location where) { current_runner->arrive_at_cluster(where); }

void wait_for_cluster(std::source_location where) { current_runner->wait_for_cluster(where); }

void* map_shared(const void* address, unsigned rank, std::source_location where) { return current_runner->map_shared(address, rank, where); }

void fence_wgmma() { current_thread->wgmma_fenced = true; }

void commit_wgmma() { current_thread->wgmma_group++; }

void wait_for_wgmma(unsigned pending, std::source_location where)
{
    // A warp waits as one: when any of its lanes goes on, all have waited.
    static constexpr WarpOperation operation{"wgmma.wait_group", complete_nothing, false};
    current_runner->wait_for_wgmma(pending, where);
    current_runner->meet(operation, 0xFFFFFFFFu, nullptr, where);
}

void multiply_warpgroup(float* sums, unsigned columns, std::uint64_t a, std::uint64_t b, WgmmaType type, WgmmaOrder order, std::source_location where)
{
    current_runner->multiply_warpgroup({sums, columns, a, b, type, order}, __builtin_return_address(0), where);
}

namespace {

template <class T>
T run_atomic(AtomicOperation operation, T* address, T value, T expected)
{
    if (sanitizer::watching) {
        current_runner->watch_atomic(address, sizeof(T), __builtin_return_address(0));
    }

    constexpr int order = __ATOMIC_RELAXED;
    switch (operation) {
    case AtomicOperation::Add:
        return __atomic_fetch_add(address, value, order);
    case AtomicOperation::And:
        return __atomic_fetch_and(address, value, order);
    case AtomicOperation::Or:
        return __atomic_fetch_or(address, value, order);
    case AtomicOperation::Xor:
        return __atomic_fetch_xor(address, value, order);
    case AtomicOperation::Exchange:
        return __atomic_exchange_n(address, value, order);
    case AtomicOperation::CompareExchange:
        // On failure `expected` becomes what was there, which is what CUDA returns.
        __atomic_compare_exchange_n(address, &expected, value, false, order, order);
        return expected;
    default:
        break;
    }

    T old = __atomic_load_n(address, order);
    bool larger = operation == AtomicOperation::Max;
    while (!__atomic_compare_exchange_n(address, &old, (old < value) == larger ? value : old, false, order, order)) {
    }

    return old;
}

}  // namespace

int atomic(AtomicOperation operation, int* address, int value, int expected) { return run_atomic(operation, address, value, expected); }

unsigned atomic(AtomicOperation operation, unsigned* address, unsigned value, unsigned expected) { return run_atomic(operation, address, value, expected); }

unsigned long long atomic(AtomicOperation operation, unsigned long long* address, unsigned long long value, unsigned long long expected)
{
    return run_atomic(operation, address, value, expected);
}

}  // namespace dk::host
