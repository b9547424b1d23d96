// Runs one block: a fiber a thread, barriers that count, warp operations that wait for exactly their lanes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "fault.h"
#include "fiber.h"
#include "launch.h"
#include "shared.h"
#include "warp.h"
#include "warpgroup.h"

namespace dk::host {

inline constexpr unsigned max_block_threads = 1024;
inline constexpr unsigned warp_threads = 32;
inline constexpr unsigned warpgroup_threads = 128;
inline constexpr unsigned barrier_count = 16;

enum class ThreadState : std::uint8_t { Running, AtBarrier, AtWarp, AtMbarrier, AtWarpgroup, Returned };

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
};

// A copy of the copy engine: finished when it has been counted, landed when its phase is over.
struct TensorCopy {
    unsigned char* target;
    const void* barrier;
    const void* code;
    std::uint16_t thread;
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

    unsigned warp() const { return linear / warp_threads; }
    unsigned lane() const { return linear % warp_threads; }
};

class BlockRunner {
public:
    BlockRunner();

    // Runs a block to its end, or to the first fault, which goes to the launch.
    void run(Launch& launch, uint3 block_index, std::uint64_t linear_index);

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
    void wait_for_mbarrier(const void* address, unsigned parity, std::source_location where);
    void begin_tensor_copy(unsigned char* target, const void* map, const void* barrier, const int* coordinates, unsigned axes, const std::uint16_t* offsets,
        const void* code, std::source_location where);
    void multiply_warpgroup(const WgmmaCall& call, const void* code, std::source_location where);
    void wait_for_wgmma(unsigned pending, std::source_location where);
    void watch(const void* address, std::size_t bytes, bool write, const void* code);
    void watch_atomic(const void* address, std::size_t bytes, const void* code);

    SharedMemory& shared() { return shared_; }
    const Launch& launch() const { return *launch_; }
    uint3 block_index() const { return block_index_; }
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
    std::uint64_t next_random();
    void wait(Thread& thread);
    void report_standstill();
    void report_block(dk_host_status status, const std::string& what);
    Mbarrier& mbarrier_at(const void* address, const char* use, std::source_location where);
    void end_phase_if_complete(Mbarrier& barrier);
    bool finish_tensor_copy();
    void check_tensor_copies();
    std::string describe_mbarrier(const void* address) const;
    void complete_wgmma(unsigned first);
    void read_operand(std::uint64_t descriptor, const char* name, unsigned lines, const WgmmaCall& call, float* values, WgmmaOperands& read, std::source_location where);
    const std::vector<float>& start_wgmma(Thread& thread, std::size_t count, unsigned number);
    void forbid_operand_change(const unsigned char* target, std::size_t bytes, const std::string& act);
    std::string describe_wait(const Thread& thread) const;
    Accessor accessor(const Thread& thread, const void* code) const;
    [[noreturn]] void object(const Finding& finding, const void* address, std::size_t bytes, bool write, const void* code);
    void watch_device(const void* address, std::size_t bytes, bool write, const void* code);

    StackPool stacks_{static_cast<int>(max_block_threads)};
    Context scheduler_;
    SharedMemory shared_;
    std::unique_ptr<Thread[]> threads_{new Thread[max_block_threads]};
    unsigned count_ = 0;
    uint3 extent_{};
    unsigned running_ = 0;  // not yet returned
    bool faulted_ = false;

    Launch* launch_ = nullptr;
    uint3 block_index_{};
    std::uint64_t random_ = 0;
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
