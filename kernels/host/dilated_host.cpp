// The C interface: checks arguments, clears the last error, hands on.
#include "dilated_host.h"

#include <cstring>
#include <string>

#include "fault.h"
#include "launcher.h"
#include "memory.h"
#include "registration.h"
#include "sanitizer.h"
#include "tensor_map.h"

using namespace dk::host;

namespace {

const Kernel* first_kernel = nullptr;

const Kernel* unwrap(const dk_host_kernel* kernel) { return reinterpret_cast<const Kernel*>(kernel); }

}  // namespace

bool dk::host::register_kernel(Kernel& kernel)
{
    kernel.next = first_kernel;
    first_kernel = &kernel;
    return true;
}

int dk_host_abi_version(void) { return DK_HOST_ABI_VERSION; }

const char* dk_host_build(void) { return sanitizer::build; }

const char* dk_host_last_error(void) { return last_error(); }

int dk_host_allocate(uint64_t bytes, void** address)
{
    clear_error();
    return address ? DeviceMemory::instance().allocate(bytes, address) : fail(DK_HOST_INVALID_ARGUMENT, "no place for the address of an allocation");
}

int dk_host_free(void* address)
{
    clear_error();
    return DeviceMemory::instance().free(address);
}

int dk_host_copy_to_device(void* target, const void* source, uint64_t bytes)
{
    clear_error();
    return DeviceMemory::instance().copy(target, source, bytes, true, false);
}

int dk_host_copy_to_host(void* target, const void* source, uint64_t bytes)
{
    clear_error();
    return DeviceMemory::instance().copy(target, source, bytes, false, true);
}

int dk_host_copy_on_device(void* target, const void* source, uint64_t bytes)
{
    clear_error();
    return DeviceMemory::instance().copy(target, source, bytes, true, true);
}

int dk_host_fill(void* target, uint32_t value, uint32_t element_bytes, uint64_t count)
{
    clear_error();
    return DeviceMemory::instance().fill(target, value, element_bytes, count);
}

int dk_host_check_memory(void)
{
    clear_error();
    return DeviceMemory::instance().check();
}

void dk_host_memory_statistics(dk_host_memory* statistics)
{
    if (statistics) {
        *statistics = DeviceMemory::instance().statistics();
    }
}

const dk_host_kernel* dk_host_find_kernel(const char* name)
{
    clear_error();
    std::string known;
    for (const Kernel* kernel = first_kernel; name && kernel; kernel = kernel->next) {
        if (std::strcmp(kernel->name, name) == 0) {
            return reinterpret_cast<const dk_host_kernel*>(kernel);
        }

        known += known.empty() ? "" : ", ";
        known += kernel->name;
    }

    fail(DK_HOST_NOT_FOUND, format("there is no kernel '%s'; there are: %s", name ? name : "", known.c_str()));
    return nullptr;
}

int dk_host_kernel_count(void)
{
    int count = 0;
    for (const Kernel* kernel = first_kernel; kernel; kernel = kernel->next) {
        count++;
    }

    return count;
}

const char* dk_host_kernel_name(int index)
{
    const Kernel* kernel = first_kernel;
    for (int i = 0; kernel && i < index; i++) {
        kernel = kernel->next;
    }

    return kernel && index >= 0 ? kernel->name : nullptr;
}

int dk_host_parameter_count(const dk_host_kernel* kernel) { return kernel ? static_cast<int>(unwrap(kernel)->parameter_count) : -1; }

int dk_host_parameter_bytes(const dk_host_kernel* kernel, int index)
{
    bool known = kernel && index >= 0 && static_cast<std::size_t>(index) < unwrap(kernel)->parameter_count;
    return known ? static_cast<int>(unwrap(kernel)->parameter_bytes[index]) : -1;
}

int dk_host_launch(const dk_host_kernel* kernel, uint32_t grid_x, uint32_t grid_y, uint32_t grid_z, uint32_t block_x, uint32_t block_y,
    uint32_t block_z, uint32_t cluster_x, uint32_t cluster_y, uint32_t cluster_z, uint32_t dynamic_shared_bytes, void** arguments)
{
    clear_error();
    return kernel ? launch_kernel(*unwrap(kernel), {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, {cluster_x, cluster_y, cluster_z}, dynamic_shared_bytes, arguments)
                  : fail(DK_HOST_INVALID_ARGUMENT, "no kernel to launch");
}

int dk_host_set_option(int option, int64_t value)
{
    clear_error();
    switch (option) {
    case DK_HOST_OPTION_SEED:
        set_seed(static_cast<std::uint64_t>(value));
        return DK_HOST_OK;
    case DK_HOST_OPTION_THREADS:
        if (value < 0 || value > 1024) {
            return fail(DK_HOST_INVALID_ARGUMENT, format("%lld threads; 0 to 1024 are possible", static_cast<long long>(value)));
        }

        set_threads(static_cast<unsigned>(value));
        return DK_HOST_OK;
    case DK_HOST_OPTION_FIRST_BLOCK:
    case DK_HOST_OPTION_BLOCKS:
        if (value < 0) {
            return fail(DK_HOST_INVALID_ARGUMENT, format("%lld is no number of blocks", static_cast<long long>(value)));
        }

        (option == DK_HOST_OPTION_BLOCKS ? set_blocks : set_first_block)(static_cast<std::uint64_t>(value));
        return DK_HOST_OK;
    default:
        return fail(DK_HOST_INVALID_ARGUMENT, format("there is no option %d", option));
    }
}

int dk_host_encode_tiled(const dk_host_tensor* tensor, const uint32_t* box, void* map)
{
    clear_error();
    return tensor && box && map ? encode_tiled(*tensor, box, map) : fail(DK_HOST_INVALID_ARGUMENT, "a tensor map needs a tensor, a box and a place");
}

int dk_host_encode_im2col(
    const dk_host_tensor* tensor, const int32_t* lower_corner, const int32_t* upper_corner, uint32_t channels, uint32_t pixels, void* map)
{
    clear_error();
    return tensor && lower_corner && upper_corner && map ? encode_im2col(*tensor, lower_corner, upper_corner, channels, pixels, map)
                                                         : fail(DK_HOST_INVALID_ARGUMENT, "a tensor map needs a tensor, corners and a place");
}
