#include "block.h"

#include "cluster.h"

#include <algorithm>
#include <utility>

namespace dk::host {

constinit thread_local BlockRunner* current_runner = nullptr;
constinit thread_local Thread* current_thread = nullptr;

BlockRunner::BlockRunner() = default;

void BlockRunner::prepare_threads(uint3 block)
{
    if (block.x == extent_.x && block.y == extent_.y && block.z == extent_.z) {
        return;
    }

    extent_ = block;
    count_ = block.x * block.y * block.z;
    for (unsigned i = 0; i < count_; i++) {
        threads_[i].linear = static_cast<std::uint16_t>(i);
        threads_[i].index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    }
}

void BlockRunner::begin(ClusterRunner& cluster, unsigned rank, uint3 block_index, std::uint64_t linear_index)
{
    const Launch& launch = cluster.launch();
    launch_ = &cluster.launch();
    cluster_ = &cluster;
    rank_ = rank;
    block_index_ = block_index;
    last_allocation_ = nullptr;
    prepare_threads(launch.block);
    shared_.begin_block(launch.dynamic_shared_bytes, ++epoch_);
    barriers_.fill({});
    warp_waiting_.fill(0);
    warp_epochs_.fill(0);
    mbarriers_.clear();
    tensor_copies_.clear();
    warpgroup_waiting_.fill(0);
    wgmma_operands_.clear();
    random_ = Random::of(launch.seed, linear_index);
    ready_first_ = ready_count_ = 0;
    for (unsigned i = 0; i < count_; i++) {
        Thread& thread = threads_[launch.seed == 1 ? count_ - 1 - i : i];
        thread.copies.clear();
        thread.copy_group = 0;
        thread.wgmma_sums.clear();
        thread.wgmma_reads.clear();
        thread.wgmma_group = 0;
        thread.wgmma_fenced = false;
        thread.cluster_arrivals = thread.cluster_waits = 0;
        make_ready(thread);
    }

    running_ = count_;
}

void BlockRunner::run_thread()
{
    Thread& thread = take_ready();
    if (!thread.stack) {
        thread.stack = stacks_.take();
        prepare(thread.context, thread.stack, StackPool::stack_bytes, &BlockRunner::enter, &thread);
    }

    current_runner = this;
    current_thread = &thread;
    switch_context(scheduler_, thread.context);
    current_thread = nullptr;
}

void BlockRunner::end(bool stopped)
{
    if (stopped) {
        for (unsigned i = 0; i < count_; i++) {
            threads_[i].stack = nullptr;
        }

        stacks_.give_back_all();
    } else if (const char* array = shared_.find_overwritten()) {
        report_block(DK_HOST_OUT_OF_BOUNDS, format("something wrote beside %s", array));
    }
}

void BlockRunner::enter(void* argument)
{
    Thread& thread = *static_cast<Thread*>(argument);
    BlockRunner& runner = *current_runner;
    arrived(thread.context, runner.scheduler_);
    const Launch& launch = *runner.launch_;
    launch.kernel->invoke(launch.kernel->function, launch.arguments);

    if (!thread.wgmma_sums.empty()) {
        runner.fault(DK_HOST_WARPGROUP, "has returned without a wait for its last wgmma");
    }

    // The stack is free from the switch on; until then nobody else can take it.
    thread.state = ThreadState::Returned;
    if (--runner.running_ == 0) {
        runner.check_tensor_copies();
    }

    runner.stacks_.give_back(thread.stack);
    thread.stack = nullptr;
    switch_context(thread.context, runner.scheduler_, true);
    __builtin_unreachable();
}

void BlockRunner::make_ready(Thread& thread)
{
    thread.state = ThreadState::Running;
    ready_[(ready_first_ + ready_count_++) % max_block_threads] = thread.linear;
}

Thread& BlockRunner::take_ready()
{
    if (launch_->seed > 1) {
        unsigned pick = static_cast<unsigned>(random_.next() % ready_count_);
        std::swap(ready_[ready_first_], ready_[(ready_first_ + pick) % max_block_threads]);
    }

    Thread& thread = threads_[ready_[ready_first_]];
    ready_first_ = (ready_first_ + 1) % max_block_threads;
    ready_count_--;
    return thread;
}

void BlockRunner::wait(Thread& thread)
{
    switch_context(thread.context, scheduler_);
    // Back: the scheduler made this thread the current one again.
}

void BlockRunner::arrive_at(unsigned id, unsigned expected, bool whole_block, bool predicate, std::source_location where)
{
    Barrier& barrier = barriers_[id];
    if (barrier.arrived == 0) {
        barrier.expected = expected;
        barrier.where = where;
        barrier.votes = 0;
    } else if (barrier.expected != expected) {
        fault(DK_HOST_BARRIER_DIVERGENCE, format("comes to barrier %u for %u threads at %s; others wait at it for %u threads at %s",
            id, expected, describe(where).c_str(), barrier.expected, describe(barrier.where).c_str()));
    } else if (whole_block && (barrier.where.line() != where.line() || barrier.where.file_name() != where.file_name())) {
        fault(DK_HOST_BARRIER_DIVERGENCE, format("comes to __syncthreads at %s while %u threads wait at __syncthreads at %s",
            describe(where).c_str(), barrier.arrived, describe(barrier.where).c_str()));
    }

    barrier.arrived++;
    barrier.votes += predicate;
}

void BlockRunner::release_barrier(unsigned id)
{
    epoch_++;
    int votes = barriers_[id].votes;
    barriers_[id].arrived = 0;
    for (unsigned i = 0; i < count_; i++) {
        Thread& thread = threads_[launch_->seed == 1 ? count_ - 1 - i : i];
        if (thread.state == ThreadState::AtBarrier && thread.barrier == id) {
            thread.votes = votes;
            make_ready(thread);
        }
    }
}

void BlockRunner::synchronize(unsigned id, unsigned expected, bool whole_block, bool predicate, std::source_location where)
{
    Thread& thread = *current_thread;
    arrive_at(id, expected, whole_block, predicate, where);
    thread.state = ThreadState::AtBarrier;
    thread.barrier = id;
    thread.where = where;
    if (barriers_[id].arrived == expected) {
        release_barrier(id);
    }

    wait(thread);
}

void BlockRunner::arrive(unsigned id, unsigned expected, std::source_location where)
{
    arrive_at(id, expected, false, false, where);
    if (barriers_[id].arrived == expected) {
        release_barrier(id);
    }
}

void BlockRunner::meet(const WarpOperation& operation, unsigned mask, void* argument, std::source_location where)
{
    Thread& thread = *current_thread;
    unsigned first = thread.warp() * warp_threads, lanes = std::min(warp_threads, count_ - first);
    if (!(mask >> thread.lane() & 1)) {
        fault(DK_HOST_WARP_DIVERGENCE, format("lane %u calls %s at %s with mask 0x%08x, which lacks it",
            thread.lane(), operation.name, describe(where).c_str(), mask));
    }

    if (lanes < warp_threads && mask >> lanes) {
        fault(DK_HOST_WARP_DIVERGENCE, format("the mask 0x%08x of %s at %s names lanes that the last warp of a block of %u threads does not have",
            mask, operation.name, describe(where).c_str(), count_));
    }

    thread.state = ThreadState::AtWarp;
    thread.operation = &operation;
    thread.mask = mask;
    thread.argument = argument;
    thread.where = where;
    unsigned& waiting = warp_waiting_[thread.warp()];
    waiting |= 1u << thread.lane();

    void* arguments[warp_threads] = {};
    bool complete = (waiting & mask) == mask;
    for (unsigned i = 0; complete && i < lanes; i++) {
        if (mask >> i & 1) {
            complete = threads_[first + i].mask == mask;
            arguments[i] = threads_[first + i].argument;
        }
    }

    if (complete) {
        for (unsigned i = 0; i < lanes; i++) {
            const Thread& other = threads_[first + i];
            if ((mask >> i & 1) && other.operation != &operation) {
                fault(DK_HOST_WARP_DIVERGENCE, format("lane %u comes to %s at %s; lane %u waits at %s at %s with the same mask 0x%08x",
                    thread.lane(), operation.name, describe(where).c_str(), i, other.operation->name, describe(other.where).c_str(), mask));
            }
        }

        operation.complete(arguments);
        warp_epochs_[thread.warp()] += operation.orders_memory;
        waiting &= ~mask;
        for (unsigned i = 0; i < lanes; i++) {
            unsigned lane = launch_->seed == 1 ? lanes - 1 - i : i;
            if (mask >> lane & 1) {
                make_ready(threads_[first + lane]);
            }
        }
    }

    wait(thread);
}

void BlockRunner::note(dk_host_status status, const std::string& what)
{
    launch_->report(status, format("kernel '%s', block %s, thread %s: %s", launch_->kernel->name, describe(block_index_).c_str(),
        describe(current_thread->index).c_str(), what.c_str()));
}

void BlockRunner::fault(dk_host_status status, const std::string& what)
{
    note(status, what);
    cluster_->stop();
    switch_context(current_thread->context, scheduler_, true);
    __builtin_unreachable();
}

std::string BlockRunner::describe_wait(const Thread& thread) const
{
    switch (thread.state) {
    case ThreadState::AtBarrier:
        return (thread.barrier == 0 ? std::string("waits at __syncthreads at ") : format("waits at barrier %u at ", thread.barrier)) + describe(thread.where);
    case ThreadState::AtWarp:
        return format("waits at %s at %s with mask 0x%08x", thread.operation->name, describe(thread.where).c_str(), thread.mask);
    case ThreadState::AtMbarrier:
        return "waits at " + describe(thread.where) + " for " + describe_mbarrier(thread.mbarrier);
    case ThreadState::AtWarpgroup:
        return "waits at wgmma at " + describe(thread.where);
    case ThreadState::AtCluster:
        return "waits at the cluster's barrier at " + describe(thread.where);
    case ThreadState::Returned:
        return "has returned";
    default:
        return "runs";
    }
}

void BlockRunner::report_block(dk_host_status status, const std::string& what)
{
    launch_->report(status, format("kernel '%s', block %s: %s", launch_->kernel->name, describe(block_index_).c_str(), what.c_str()));
    cluster_->stop();
}

bool BlockRunner::report_standstill()
{
    std::string head = format("kernel '%s', block %s, ", launch_->kernel->name, describe(block_index_).c_str());
    for (unsigned i = 0; i < count_; i++) {
        const Thread& thread = threads_[i];
        if (thread.state != ThreadState::AtWarp) {
            continue;
        }

        for (unsigned lane = 0; lane < warp_threads; lane++) {
            unsigned other_index = thread.warp() * warp_threads + lane;
            if (!(thread.mask >> lane & 1) || other_index >= count_) {
                continue;
            }

            const Thread& other = threads_[other_index];
            if (other.state != ThreadState::AtWarp || other.mask != thread.mask) {
                launch_->report(DK_HOST_WARP_DIVERGENCE, head + format("thread %s: %s, but lane %u of the mask, thread %s, never comes: it %s",
                    describe(thread.index).c_str(), describe_wait(thread).c_str(), lane, describe(other.index).c_str(), describe_wait(other).c_str()));
                return true;
            }
        }
    }

    for (unsigned i = 0; i < count_; i++) {
        const Thread& thread = threads_[i];
        if (thread.state != ThreadState::AtWarpgroup) {
            continue;
        }

        unsigned first = i / warpgroup_threads * warpgroup_threads;
        const Thread* other = std::find_if(&threads_[first], &threads_[first + warpgroup_threads], [](const Thread& t) { return t.state != ThreadState::AtWarpgroup; });
        launch_->report(DK_HOST_WARPGROUP, head + format("thread %s: %s, but thread %s of its warpgroup never comes: it %s", describe(thread.index).c_str(),
            describe_wait(thread).c_str(), describe(other->index).c_str(), describe_wait(*other).c_str()));
        return true;
    }

    for (unsigned i = 0; i < count_; i++) {
        if (threads_[i].state == ThreadState::AtMbarrier) {
            launch_->report(DK_HOST_MBARRIER, head + format("thread %s: %s, and nothing is on its way", describe(threads_[i].index).c_str(), describe_wait(threads_[i]).c_str()));
            return true;
        }
    }

    for (unsigned i = 0; i < count_; i++) {
        const Thread& thread = threads_[i];
        if (thread.state != ThreadState::AtBarrier) {
            continue;
        }

        const Barrier& barrier = barriers_[thread.barrier];
        const Thread* other = std::find_if(&threads_[0], &threads_[count_],
            [&](const Thread& t) { return t.state != ThreadState::AtBarrier || t.barrier != thread.barrier; });
        std::string absent = other == &threads_[count_] ? "no other thread is left" : "thread " + describe(other->index) + " " + describe_wait(*other);
        launch_->report(DK_HOST_BARRIER_DIVERGENCE, head + format("thread %s: %s with %u of %u threads; %s", describe(thread.index).c_str(),
            describe_wait(thread).c_str(), barrier.arrived, barrier.expected, absent.c_str()));
        return true;
    }

    return false;
}

}  // namespace dk::host
