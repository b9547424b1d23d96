// Runs a grid: its clusters in a seeded order, shared out to OS threads that each have a ClusterRunner.
#include "launch.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "block.h"
#include "cluster.h"
#include "launcher.h"

namespace dk::host {

namespace {

// Fewer threads than this are not worth a second OS thread.
constexpr std::uint64_t threads_worth_sharing = 4096;

// The cluster at a position of the launch's order: a permutation of 0 .. count - 1 that needs no table.
std::uint64_t cluster_at(const Launch& launch, std::uint64_t position)
{
    std::uint64_t count = launch.cluster_count;
    if (launch.seed == 0 || count == 1) {
        return position;
    }

    if (launch.seed == 1) {
        return count - 1 - position;
    }

    // An odd-looking stride without a common factor visits every cluster once.
    std::uint64_t stride = (launch.seed * 0x9E3779B97F4A7C15u) % count | 1;
    while (std::gcd(stride, count) != 1) {
        stride += 2;
    }

    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(stride) * position + launch.seed) % count);
}

void run_clusters(Launch& launch, ClusterRunner& runner)
{
    for (std::uint64_t position; !launch.stopped && (position = launch.next_cluster++) < launch.cluster_count;) {
        runner.run(launch, launch.first_cluster + cluster_at(launch, position));
    }
}

// Helper threads that sleep between launches. They live as long as the process.
class Pool {
public:
    void run(Launch& launch, unsigned threads)
    {
        while (helpers_ + 1 < threads) {
            std::thread(&Pool::help, this, helpers_++).detach();
        }

        if (threads > 1) {
            std::lock_guard lock(mutex_);
            launch_ = &launch;
            wanted_ = threads - 1;
            busy_ = threads - 1;
            round_++;
            work_.notify_all();
        }

        run_clusters(launch, own_);
        if (threads > 1) {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [&] { return busy_ == 0; });
            launch_ = nullptr;
        }
    }

private:
    void help(unsigned number)
    {
        ClusterRunner runner;
        std::uint64_t seen = 0;
        std::unique_lock lock(mutex_);
        for (;;) {
            work_.wait(lock, [&] { return round_ != seen; });
            seen = round_;
            if (number >= wanted_) {
                continue;
            }

            Launch& launch = *launch_;
            lock.unlock();
            run_clusters(launch, runner);
            lock.lock();
            if (--busy_ == 0) {
                done_.notify_one();
            }
        }
    }

    ClusterRunner own_;
    std::mutex mutex_;
    std::condition_variable work_, done_;
    Launch* launch_ = nullptr;
    std::uint64_t round_ = 0;
    unsigned helpers_ = 0, wanted_ = 0, busy_ = 0;
};

std::mutex launch_mutex;
std::atomic<std::uint64_t> seed{0};
std::atomic<unsigned> threads{0};
std::atomic<std::uint64_t> first_block{0};
std::atomic<std::uint64_t> blocks{0};

}  // namespace

void set_seed(std::uint64_t value) { seed = value; }

void set_threads(unsigned value) { threads = value; }

void set_first_block(std::uint64_t value) { first_block = value; }

void set_blocks(std::uint64_t value) { blocks = value; }

int launch_kernel(const Kernel& kernel, uint3 grid, uint3 block, uint3 cluster, unsigned dynamic_shared_bytes, void* const* arguments)
{
    std::uint64_t block_threads = std::uint64_t{block.x} * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("kernel '%s': grid %s; extents are 1 to 2147483647, 65535 and 65535", kernel.name, describe(grid).c_str()));
    }

    if (block_threads == 0 || block.x > max_block_threads || block.y > max_block_threads || block.z > 64 || block_threads > max_block_threads) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("kernel '%s': block %s; a block has 1 to %u threads, at most 64 deep", kernel.name, describe(block).c_str(), max_block_threads));
    }

    // An extent of 0 is one that was not given.
    cluster = {std::max(cluster.x, 1u), std::max(cluster.y, 1u), std::max(cluster.z, 1u)};
    if (std::uint64_t cluster_blocks = std::uint64_t{cluster.x} * cluster.y * cluster.z; cluster_blocks > max_cluster_blocks) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("kernel '%s': cluster %s; a cluster has %u blocks at most", kernel.name, describe(cluster).c_str(), max_cluster_blocks));
    }

    if (grid.x % cluster.x != 0 || grid.y % cluster.y != 0 || grid.z % cluster.z != 0) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("kernel '%s': grid %s is no whole number of clusters %s", kernel.name, describe(grid).c_str(), describe(cluster).c_str()));
    }

    if (dynamic_shared_bytes > SharedMemory::total_limit) {
        return fail(DK_HOST_INVALID_ARGUMENT, format("kernel '%s': %u bytes of dynamic shared memory; a block has %zu at most", kernel.name, dynamic_shared_bytes, SharedMemory::total_limit));
    }

    for (std::size_t i = 0; i < kernel.parameter_count; i++) {
        if (!arguments || !arguments[i]) {
            return fail(DK_HOST_INVALID_ARGUMENT, format("kernel '%s' takes %zu arguments; argument %zu is null", kernel.name, kernel.parameter_count, i));
        }
    }

    std::lock_guard lock(launch_mutex);
    static Pool& pool = *new Pool();
    std::shared_ptr<const MemoryMap> memory = DeviceMemory::instance().map();
    Launch launch;
    launch.kernel = &kernel;
    launch.arguments = arguments;
    launch.grid = grid;
    launch.block = block;
    launch.cluster = cluster;
    launch.dynamic_shared_bytes = dynamic_shared_bytes;
    launch.seed = seed;
    launch.memory = memory.get();
    // The option counts blocks; a cluster runs whole.
    std::uint64_t cluster_blocks = std::uint64_t{cluster.x} * cluster.y * cluster.z, all_clusters = std::uint64_t{grid.x} * grid.y * grid.z / cluster_blocks;
    launch.first_cluster = std::min(first_block / cluster_blocks, all_clusters - 1);
    launch.cluster_count = std::min(blocks == 0 ? all_clusters : (blocks + cluster_blocks - 1) / cluster_blocks, all_clusters - launch.first_cluster);
    unsigned wanted = threads == 0 ? std::max(1u, std::thread::hardware_concurrency()) : threads.load();
    wanted = launch.cluster_count * cluster_blocks * block_threads < threads_worth_sharing ? 1 : wanted;
    pool.run(launch, static_cast<unsigned>(std::min<std::uint64_t>(wanted, launch.cluster_count)));
    if (launch.fault().status != DK_HOST_OK) {
        return fail(launch.fault().status, launch.fault().text);
    }

    // What the accesses themselves did not tell, the guard bytes may; here the kernel is still known.
    std::vector<void*> addresses;
    for (std::size_t i = 0; i < kernel.parameter_count; i++) {
        if (kernel.parameter_bytes[i] == sizeof(void*)) {
            std::memcpy(&addresses.emplace_back(), arguments[i], sizeof(void*));
        }
    }

    int status = DeviceMemory::instance().check_around(addresses.data(), addresses.size());
    return status == DK_HOST_OK ? DK_HOST_OK : fail(static_cast<dk_host_status>(status), format("kernel '%s': %s", kernel.name, last_error()));
}

}  // namespace dk::host
