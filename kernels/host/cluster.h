// Runs the blocks of a cluster side by side on one OS thread, with the barrier they share; a block without a cluster is a cluster of one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "block.h"
#include "launch.h"
#include "random.h"

namespace dk::host {

// What every GPU with clusters takes.
inline constexpr unsigned max_cluster_blocks = 8;

class ClusterRunner {
public:
    // Runs the blocks to their end, or to the first fault, which goes to the launch. The index is the cluster's in the grid.
    void run(Launch& launch, std::uint64_t index);

    Launch& launch() const { return *launch_; }
    unsigned size() const { return size_; }
    BlockRunner& block(unsigned rank) const { return *blocks_[rank]; }

    // The cluster's barriers that are over.
    unsigned phase() const { return phase_; }

    // A thread's arrival.
    void arrive();

    // What was done before is seen by all that comes after, in every block.
    void order_accesses();

    // After a fault.
    void stop() { stopped_ = true; }

private:
    BlockRunner* next();
    bool finish_tensor_copy();
    void report_standstill();
    bool all_returned() const;

    std::vector<std::unique_ptr<BlockRunner>> blocks_;
    unsigned size_ = 1;
    Launch* launch_ = nullptr;
    Random random_;
    unsigned ahead_ = 0;
    unsigned phase_ = 0;
    unsigned arrived_ = 0;
    bool stopped_ = false;
};

}  // namespace dk::host
