// One launch: what all its blocks share.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "fault.h"
#include "memory.h"
#include "registration.h"
#include "vector_types.h"

namespace dk::host {

struct Launch {
    const Kernel* kernel = nullptr;
    void* const* arguments = nullptr;
    uint3 grid{};
    uint3 block{};
    uint3 cluster{1, 1, 1};
    unsigned dynamic_shared_bytes = 0;
    std::uint64_t seed = 0;
    const MemoryMap* memory = nullptr;
    std::uint64_t first_cluster = 0;
    std::uint64_t cluster_count = 0;

    std::atomic<std::uint64_t> next_cluster{0};
    std::atomic<bool> stopped{false};

    // Keeps the first fault and stops the launch.
    void report(dk_host_status status, std::string text)
    {
        std::lock_guard lock(mutex_);
        if (fault_.status == DK_HOST_OK) {
            fault_ = {status, std::move(text)};
        }

        stopped = true;
    }

    const Fault& fault() const { return fault_; }

private:
    std::mutex mutex_;
    Fault fault_;
};

}  // namespace dk::host
