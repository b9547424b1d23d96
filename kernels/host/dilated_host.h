/* The C interface of libdilatedkernels_host: the project's CUDA kernels compiled for the CPU, with a device's memory around them.
 *
 * Every function that returns an int returns a dk_host_status; on anything but DK_HOST_OK, dk_host_last_error tells the rest.
 * A fault found in a kernel ends the launch, never the process. All functions may be called from any thread; launches run one at a time.
 * A device address is an ordinary address of this process, 256-byte aligned as on a GPU.
 */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define DK_HOST_API __declspec(dllexport)
#else
#define DK_HOST_API __attribute__((visibility("default")))
#endif

#define DK_HOST_ABI_VERSION 3

typedef enum dk_host_status {
    DK_HOST_OK = 0,
    DK_HOST_INVALID_ARGUMENT = 1,
    DK_HOST_OUT_OF_MEMORY = 2,
    DK_HOST_NOT_FOUND = 3,
    DK_HOST_BARRIER_DIVERGENCE = 10, /* a thread returned, or waits elsewhere, while others wait at a barrier */
    DK_HOST_WARP_DIVERGENCE = 11,    /* a lane in the mask never came, or a lane came with a mask that lacks it */
    DK_HOST_RACE = 12,               /* two threads used a shared word, one of them writing, with no barrier between */
    DK_HOST_OUT_OF_BOUNDS = 13,      /* an access outside every allocation or shared array, or overwritten guard bytes */
    DK_HOST_UNINITIALISED = 14,      /* a read of memory that nothing has written */
    DK_HOST_ASYNC_COPY = 15,         /* a read or write of an asynchronous copy's destination before its wait */
    DK_HOST_USE_AFTER_FREE = 16,
    DK_HOST_MISALIGNED = 17,
    DK_HOST_UNDEFINED_BEHAVIOUR = 18, /* what UBSan checks: overflow, shifts, array indices, null pointers */
    DK_HOST_TRAP = 19,
    DK_HOST_MBARRIER = 20,           /* an mbarrier used before its init, arrived at too often, or whose phase never ends */
    DK_HOST_WARPGROUP = 21,          /* a warp that never came to a wgmma, or accumulators and operands touched before its wait */
    DK_HOST_CLUSTER = 22             /* shared memory of another block used before it is sure to run or after it has ended, or a block that is not there */
} dk_host_status;

typedef enum dk_host_option {
    /* The order in which a block's threads (and the grid's blocks) run: 0 ascending, 1 descending, above: random with this seed. */
    DK_HOST_OPTION_SEED = 0,
    /* OS threads that share a launch's blocks; 0 for one a processor. */
    DK_HOST_OPTION_THREADS = 1,
    /* Which of a grid's blocks run, for grids too large to run whole: from this one on, in the order x, y, z (of whole clusters, where there are some), ... */
    DK_HOST_OPTION_FIRST_BLOCK = 2,
    /* ... so many, or as many as there are; 0 for all that follow. */
    DK_HOST_OPTION_BLOCKS = 3
} dk_host_option;

typedef struct dk_host_kernel dk_host_kernel;

typedef struct dk_host_memory {
    uint64_t live_bytes;
    uint64_t live_count;
    uint64_t peak_bytes;
    uint64_t total_count; /* allocations since the library was loaded */
} dk_host_memory;

DK_HOST_API int dk_host_abi_version(void);

/* "plain", "checked" (every access of a kernel is watched) or "address" (AddressSanitizer). */
DK_HOST_API const char* dk_host_build(void);

/* The last failure on the calling thread; valid until that thread's next call. Never null. */
DK_HOST_API const char* dk_host_last_error(void);

/* Fresh memory is filled with NaN bytes (0xFF) and has guard bytes on both sides. Zero bytes give a valid address. */
DK_HOST_API int dk_host_allocate(uint64_t bytes, void** address);

/* Checks the guard bytes, fills the memory with other NaNs and keeps it for a while, so that a late use is noticed. */
DK_HOST_API int dk_host_free(void* address);

/* Copies between host and device memory in either direction. Both sides must lie inside one allocation each, where they are device memory. */
DK_HOST_API int dk_host_copy_to_device(void* target, const void* source, uint64_t bytes);
DK_HOST_API int dk_host_copy_to_host(void* target, const void* source, uint64_t bytes);
DK_HOST_API int dk_host_copy_on_device(void* target, const void* source, uint64_t bytes);

/* Writes count elements of 1, 2 or 4 bytes. */
DK_HOST_API int dk_host_fill(void* target, uint32_t value, uint32_t element_bytes, uint64_t count);

/* Checks the guard bytes of every allocation and the fill of memory freed a short time ago. */
DK_HOST_API int dk_host_check_memory(void);

DK_HOST_API void dk_host_memory_statistics(dk_host_memory* statistics);

/* Null when there is none; dk_host_last_error then lists what there is. */
DK_HOST_API const dk_host_kernel* dk_host_find_kernel(const char* name);
DK_HOST_API int dk_host_kernel_count(void);
DK_HOST_API const char* dk_host_kernel_name(int index);
DK_HOST_API int dk_host_parameter_count(const dk_host_kernel* kernel);
DK_HOST_API int dk_host_parameter_bytes(const dk_host_kernel* kernel, int index);

/* Runs a grid to its end, the blocks of a cluster side by side; 0 or 1 along every axis is no cluster. arguments[i] points to the value of parameter i, as for
 * cuLaunchKernel. */
DK_HOST_API int dk_host_launch(const dk_host_kernel* kernel, uint32_t grid_x, uint32_t grid_y, uint32_t grid_z, uint32_t block_x, uint32_t block_y,
    uint32_t block_z, uint32_t cluster_x, uint32_t cluster_y, uint32_t cluster_z, uint32_t dynamic_shared_bytes, void** arguments);

DK_HOST_API int dk_host_set_option(int option, int64_t value);

/* A tensor as cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col take it, fastest axis first; strides are those from the second axis on. */
typedef struct dk_host_tensor {
    uint64_t address;
    uint64_t extents[5];
    uint64_t strides[4];
    uint32_t steps[5];
    uint32_t axes;
    uint32_t element_bytes; /* 2 or 4 */
    uint32_t swizzle;       /* CUtensorMapSwizzle */
    uint32_t is_tf32;       /* CU_TENSOR_MAP_DATA_TYPE_TFLOAT32: float32 that copies round to TF32 */
} dk_host_tensor;

/* Writes the 128 bytes that a kernel takes as its tensor map. The corners are fastest axis first. */
DK_HOST_API int dk_host_encode_tiled(const dk_host_tensor* tensor, const uint32_t* box, void* map);
DK_HOST_API int dk_host_encode_im2col(
    const dk_host_tensor* tensor, const int32_t* lower_corner, const int32_t* upper_corner, uint32_t channels, uint32_t pixels, void* map);

#ifdef __cplusplus
}
#endif
