#include "cluster.h"

#include <algorithm>

namespace dk::host {

void ClusterRunner::run(Launch& launch, std::uint64_t index)
{
    launch_ = &launch;
    uint3 extent = launch.cluster, grid = launch.grid;
    size_ = extent.x * extent.y * extent.z;
    random_ = Random::of(launch.seed, ~index);
    ahead_ = phase_ = arrived_ = 0;
    stopped_ = false;
    while (blocks_.size() < size_) {
        blocks_.push_back(std::make_unique<BlockRunner>());
    }

    std::uint64_t across = grid.x / extent.x, down = grid.y / extent.y;
    uint3 first{static_cast<unsigned>(index % across) * extent.x, static_cast<unsigned>(index / across % down) * extent.y,
        static_cast<unsigned>(index / across / down) * extent.z};
    for (unsigned rank = 0; rank < size_; rank++) {
        uint3 at{first.x + rank % extent.x, first.y + rank / extent.x % extent.y, first.z + rank / extent.x / extent.y};
        blocks_[rank]->begin(*this, rank, at, at.x + std::uint64_t{grid.x} * (at.y + std::uint64_t{grid.y} * at.z));
    }

    while (!stopped_ && !all_returned()) {
        BlockRunner* block = next();
        if (!block || block->may_finish_copy_early()) {
            bool finished = block ? block->finish_tensor_copy() : finish_tensor_copy();
            if (!block && !finished) {
                report_standstill();
                stop();
            }

            if (!block) {
                continue;
            }
        }

        block->run_thread();
    }

    for (unsigned rank = 0; rank < size_; rank++) {
        blocks_[rank]->end(stopped_);
    }
}

// A block that can go on. In order, one block gets as far ahead of the others as it can; at random, any of them for a while.
BlockRunner* ClusterRunner::next()
{
    if (size_ > 1 && launch_->seed > 1 && random_.next() % 32 == 0) {
        ahead_ = static_cast<unsigned>(random_.next() % size_);
    }

    for (unsigned i = 0; i < size_; i++) {
        BlockRunner& block = *blocks_[launch_->seed == 1 ? size_ - 1 - i : (ahead_ + i) % size_];
        if (block.has_ready()) {
            return &block;
        }
    }

    return nullptr;
}

bool ClusterRunner::finish_tensor_copy()
{
    return std::any_of(blocks_.begin(), blocks_.begin() + size_, [](auto& block) { return block->finish_tensor_copy(); });
}

bool ClusterRunner::all_returned() const
{
    return std::all_of(blocks_.begin(), blocks_.begin() + size_, [](auto& block) { return block->has_returned(); });
}

void ClusterRunner::order_accesses()
{
    for (unsigned rank = 0; rank < size_; rank++) {
        blocks_[rank]->order_accesses();
    }
}

void ClusterRunner::arrive()
{
    if (++arrived_ < size_ * blocks_[0]->thread_count()) {
        return;
    }

    arrived_ = 0;
    phase_++;
    order_accesses();
    for (unsigned rank = 0; rank < size_; rank++) {
        blocks_[rank]->release_from_cluster();
    }
}

// Nothing can run and not all have returned. Who waits within a block is told first: the others may only wait for it.
void ClusterRunner::report_standstill()
{
    if (std::any_of(blocks_.begin(), blocks_.begin() + size_, [](auto& block) { return block->report_standstill(); })) {
        return;
    }

    for (unsigned waiting = 0; waiting < size_; waiting++) {
        const Thread* thread = blocks_[waiting]->find_thread([](const Thread& t) { return t.state == ThreadState::AtCluster; });
        if (!thread) {
            continue;
        }

        std::string absent = "no other thread is left";
        for (unsigned rank = 0; rank < size_; rank++) {
            if (const Thread* other = blocks_[rank]->find_thread([&](const Thread& t) { return t.cluster_arrivals == phase_; })) {
                absent = format("thread %s of block %s %s", describe(other->index).c_str(), describe(blocks_[rank]->block_index()).c_str(),
                    blocks_[rank]->describe_wait(*other).c_str());
                break;
            }
        }

        launch_->report(DK_HOST_BARRIER_DIVERGENCE, format("kernel '%s', block %s, thread %s: %s with %u of %u threads; %s", launch_->kernel->name,
            describe(blocks_[waiting]->block_index()).c_str(), describe(thread->index).c_str(), blocks_[waiting]->describe_wait(*thread).c_str(), arrived_,
            size_ * blocks_[0]->thread_count(), absent.c_str()));
        return;
    }
}

void BlockRunner::release_from_cluster()
{
    for (unsigned i = 0; i < count_; i++) {
        Thread& thread = threads_[launch_->seed == 1 ? count_ - 1 - i : i];
        if (thread.state == ThreadState::AtCluster) {
            make_ready(thread);
        }
    }
}

void BlockRunner::arrive_at_cluster(std::source_location where)
{
    Thread& thread = *current_thread;
    if (thread.cluster_arrivals != thread.cluster_waits) {
        fault(DK_HOST_CLUSTER, format("arrives at the cluster's barrier at %s and has not waited since it arrived before", describe(where).c_str()));
    }

    thread.cluster_arrivals++;
    cluster_->arrive();
}

void BlockRunner::wait_for_cluster(std::source_location where)
{
    Thread& thread = *current_thread;
    if (thread.cluster_arrivals == thread.cluster_waits) {
        fault(DK_HOST_CLUSTER, format("waits for the cluster's barrier at %s and has not arrived at it", describe(where).c_str()));
    }

    if (cluster_->phase() < thread.cluster_arrivals) {
        thread.state = ThreadState::AtCluster;
        thread.where = where;
        wait(thread);
    }

    thread.cluster_waits++;
}

// Of whose shared memory the current thread makes use.
BlockRunner& BlockRunner::other_block(unsigned rank, const std::string& use)
{
    if (rank >= cluster_->size()) {
        fault(DK_HOST_CLUSTER, use + format(" of block %u of a cluster of %u", rank, cluster_->size()));
    }

    BlockRunner& other = cluster_->block(rank);
    if (&other != this && cluster_->phase() == 0) {
        fault(DK_HOST_CLUSTER, use + format(" of block %s with no barrier of the cluster before: it may not run yet", describe(other.block_index_).c_str()));
    }

    if (other.has_returned()) {
        fault(DK_HOST_CLUSTER, use + format(" of block %s, all of whose threads have returned", describe(other.block_index_).c_str()));
    }

    return other;
}

void* BlockRunner::map_shared(const void* address, unsigned rank, std::source_location where)
{
    if (!shared_.contains(address) || rank >= cluster_->size()) {
        fault(DK_HOST_CLUSTER, format("maps at %s %s to block %u of a cluster of %u", describe(where).c_str(), shared_.contains(address) ? "an address" : "an address that is not this block's",
            rank, cluster_->size()));
    }

    return cluster_->block(rank).shared_.at_offset(shared_.offset_of(address));
}

// Made at its first use, in all blocks of the cluster.
void* BlockRunner::shared_array(const void* key, const char* name, std::size_t bytes)
{
    if (unsigned char* array = shared_.find(key)) {
        return array;
    }

    for (unsigned rank = 0; rank < cluster_->size(); rank++) {
        if (!cluster_->block(rank).shared_.make(key, name, bytes)) {
            fault(DK_HOST_INVALID_ARGUMENT, format("shared array '%s' of %zu bytes does not fit beside the %zu bytes in use; a block may have %zu bytes declared and %zu in all",
                name, bytes, shared_.used_bytes(), SharedMemory::static_limit, SharedMemory::total_limit));
        }
    }

    return shared_.find(key);
}

}  // namespace dk::host
