// One block: a fiber a thread, barriers that count, warp operations that wait for exactly their lanes. cluster.h runs it, alone or beside others.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "fault.h"
#include "fiber.h"
#include "launch.h"
#include "random.h"
#include "shared.h"
#include "warp.h"
#include "warpgroup.h"

namespace dk::host {

inline constexpr unsigned max_block_threads = 1024;
inline constexpr unsigned warp_threads = 32;
inline constexpr unsigned warpgroup_threads = 128;
inline constexpr unsigned barrier_count = 16;

class ClusterRunner;
struct HostTensorMap;

enum class ThreadState : std::uint8_t { Running, AtBarrier, AtWarp, AtMbarrier, AtWarpgroup, AtCluster, Returned };

// An asynchronous copy that has not landed.
struct AsyncCopy {
    unsigned char* target;
    unsigned bytes;
    unsigned group;
    const void* code;
    unsigned char data[16];
};

struct Mbarrier {
    const void* address;
    unsigned arrivals;  // of every phase
    unsigned arrivals_left;
    int bytes_left;  // announced and not landed; negative where they landed first
    unsigned phase;
    bool fenced;
    std::uint16_t initialiser;
    std::uint32_t epoch;
    unsigned cluster_phase;  // of its init
};

// A copy of the copy engine: finished when it has been counted, landed when its phase is over.
struct TensorCopy {
    unsigned char* target;
    const void* barrier;
    const void* code;
    std::uint16_t thread;  // as accessors have it
    bool finished;
    std::vector<unsigned char> data;
};

// What a thread brings to a wgmma.
struct WgmmaCall {
    float* sums = nullptr;
    unsigned columns = 0;
    std::uint64_t a = 0, b = 0;
    WgmmaType type{};
    WgmmaOrder order{};
};

// What a wgmma read, until all threads have waited for it.
struct WgmmaOperands {
    unsigned number;
    unsigned threads;
    std::vector<const unsigned char*> granules;
};

// A thread's accumulators on their way.
struct WgmmaSums {
    float* target;
    unsigned group;
    std::vector<float> values;
};

struct WgmmaRead {
    unsigned group;
    unsigned number;
};

struct Thread {
    Context context;
    char* stack = nullptr;
    uint3 index{};
    std::uint16_t linear = 0;
    ThreadState state = ThreadState::Running;

    // What it waits for.
    std::source_location where;
    unsigned barrier = 0;
    int votes = 0;
    const WarpOperation* operation = nullptr;
    unsigned mask = 0;
    void* argument = nullptr;
    const void* mbarrier = nullptr;
    WgmmaCall wgmma;
    const void* code = nullptr;

    std::vector<AsyncCopy> copies;
    unsigned copy_group = 0;
    std::vector<WgmmaSums> wgmma_sums;
    std::vector<WgmmaRead> wgmma_reads;
    unsigned wgmma_group = 0;
    bool wgmma_fenced = false;
    unsigned cluster_arrivals = 0, cluster_waits = 0;

    unsigned warp() const { return linear / warp_threads; }
    unsigned lane() const { return linear % warp_threads; }
};

class BlockRunner {
public:
    BlockRunner();

    // Called by the cluster, between fibers.
    void begin(ClusterRunner& cluster, unsigned rank, uint3 block_index, std::uint64_t linear_index);
    void end(bool stopped);
    void run_thread();
    void release_from_cluster();
    void order_accesses() { epoch_++; }
    bool has_ready() const { return ready_count_ > 0; }
    bool has_returned() const { return running_ == 0; }

    // The engine is done with one of the copies on their way here. Returns whether there was one.
    bool finish_tensor_copy();
    bool may_finish_copy_early();

    // Nothing can run and not all have returned: says who waits within the block, and who never came. False where nobody does.
    bool report_standstill();
    std::string describe_wait(const Thread& thread) const;

    template <class Predicate>
    const Thread* find_thread(Predicate predicate) const
    {
        const Thread *end = &threads_[0] + count_, *found = std::find_if(static_cast<const Thread*>(&threads_[0]), end, predicate);
        return found == end ? nullptr : found;
    }

    // From here on: called on a thread's own fiber.
    void synchronize(unsigned barrier, unsigned expected, bool whole_block, bool predicate, std::source_location where);
    void arrive(unsigned barrier, unsigned expected, std::source_location where);
    void meet(const WarpOperation& operation, unsigned mask, void* argument, std::source_location where);
    [[noreturn]] void fault(dk_host_status status, const std::string& what);

    // A fault that does not end the block.
    void note(dk_host_status status, const std::string& what);

    void begin_copy(unsigned char* target, const unsigned char* source, unsigned bytes, unsigned source_bytes, const void* code);
    void land_copies(unsigned newest_group);

    void init_mbarrier(const void* address, unsigned arrivals, std::source_location where);
    void fence_mbarrier_init();
    void arrive_at_mbarrier(const void* address, unsigned announced_bytes, std::source_location where);
    void arrive_at_mbarrier_of(unsigned rank, const void* address, std::source_location where);
    void wait_for_mbarrier(const void* address, unsigned parity, std::source_location where);
    void begin_tensor_copy(unsigned char* target, const void* map, const void* barrier, const int* coordinates, unsigned axes, const std::uint16_t* offsets,
        const unsigned* ranks, const void* code, std::source_location where);
    void arrive_at_cluster(std::source_location where);
    void wait_for_cluster(std::source_location where);
    void* map_shared(const void* address, unsigned rank, std::source_location where);
    void* shared_array(const void* key, const char* name, std::size_t bytes);
    void multiply_warpgroup(const WgmmaCall& call, const void* code, std::source_location where);
    void wait_for_wgmma(unsigned pending, std::source_location where);
    void watch(const void* address, std::size_t bytes, bool write, const void* code);
    void watch_atomic(const void* address, std::size_t bytes, const void* code);

    SharedMemory& shared() { return shared_; }
    const Launch& launch() const { return *launch_; }
    uint3 block_index() const { return block_index_; }
    unsigned rank() const { return rank_; }
    const ClusterRunner& cluster() const { return *cluster_; }
    unsigned thread_count() const { return count_; }

private:
    struct Barrier {
        unsigned arrived = 0;
        unsigned expected = 0;
        int votes = 0;
        std::source_location where;
    };

    static void enter(void* thread);
    void prepare_threads(uint3 block);
    void arrive_at(unsigned barrier, unsigned expected, bool whole_block, bool predicate, std::source_location where);
    void release_barrier(unsigned barrier);
    void make_ready(Thread& thread);
    Thread& take_ready();
    void wait(Thread& thread);
    void report_block(dk_host_status status, const std::string& what);
    Mbarrier* find_mbarrier(const void* address);
    Mbarrier& mbarrier_at(const void* address, const char* use, std::source_location where);
    Mbarrier& mbarrier_of(BlockRunner& other, const void* address, const std::string& use);
    void arrive_at(Mbarrier& barrier, BlockRunner& owner, unsigned announced_bytes, std::source_location where);
    void end_phase_if_complete(Mbarrier& barrier);
    void check_tensor_copies();
    std::vector<unsigned char> read_tensor(
        const HostTensorMap& map, std::uintptr_t first, const int* coordinates, const std::uint16_t* offsets, const std::string& copy, const void* code);
    void begin_tensor_copy_to(
        BlockRunner& other, unsigned char* target, const Mbarrier& barrier, const std::vector<unsigned char>& bytes, const std::string& copy, const void* code);
    BlockRunner& other_block(unsigned rank, const std::string& use);
    std::string describe_mbarrier(const void* address) const;
    void complete_wgmma(unsigned first);
    void read_operand(std::uint64_t descriptor, const char* name, unsigned lines, const WgmmaCall& call, float* values, WgmmaOperands& read, std::source_location where);
    const std::vector<float>& start_wgmma(Thread& thread, std::size_t count, unsigned number);
    void forbid_operand_change(const BlockRunner& owner, const unsigned char* target, std::size_t bytes, const std::string& act);
    Accessor accessor(unsigned thread, const void* code) const;
    Accessor accessor_in(const BlockRunner& owner, const void* code) const;
    std::string describe_accessor(unsigned thread) const;
    [[noreturn]] void object(const BlockRunner& owner, const Finding& finding, const void* address, std::size_t bytes, bool write, const void* code);
    void watch_device(const void* address, std::size_t bytes, bool write, const void* code);
    BlockRunner* owner_of(const void* address);

    StackPool stacks_{static_cast<int>(max_block_threads)};
    Context scheduler_;
    SharedMemory shared_;
    std::unique_ptr<Thread[]> threads_{new Thread[max_block_threads]};
    unsigned count_ = 0;
    uint3 extent_{};
    unsigned running_ = 0;  // not yet returned

    Launch* launch_ = nullptr;
    ClusterRunner* cluster_ = nullptr;
    unsigned rank_ = 0;
    uint3 block_index_{};
    Random random_;
    std::uint32_t epoch_ = 0;
    std::array<std::uint16_t, max_block_threads / warp_threads> warp_epochs_{};
    std::array<unsigned, max_block_threads / warp_threads> warp_waiting_{};
    std::array<Barrier, barrier_count> barriers_{};
    std::vector<Mbarrier> mbarriers_;
    std::vector<TensorCopy> tensor_copies_;
    std::array<unsigned, max_block_threads / warpgroup_threads> warpgroup_waiting_{};
    std::vector<WgmmaOperands> wgmma_operands_;
    unsigned wgmma_count_ = 0;
    std::vector<float> wgmma_scratch_;

    // The threads that can run, a ring: each is in it once at most.
    std::array<std::uint16_t, max_block_threads> ready_{};
    unsigned ready_first_ = 0;
    unsigned ready_count_ = 0;
    const Allocation* last_allocation_ = nullptr;
};

// The runner and thread of the fiber that runs on this OS thread; null between fibers.
extern constinit thread_local BlockRunner* current_runner;
extern constinit thread_local Thread* current_thread;

}  // namespace dk::host
