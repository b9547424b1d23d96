/* A CUDA driver without a device, for tests of what calls it. It keeps "device" memory on the heap, checks handles, ranges and the
 * current context as the real one does, counts calls, runs the kernels add_f32 and contract_fault, and fails on request. On request it also
 * has every other kernel, which does nothing.
 *
 *   gcc -shared -fPIC -O2 -o libcuda_stub.so cuda_stub.c
 *   -DSTUB_CUDA_11     leaves out what CUDA 12 added
 *   -DSTUB_CUDA_10     also leaves out stream-ordered memory
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

enum {
    SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901
};

#define CALLS(X)                                                                                                                             \
    X(cuInit) X(cuDriverGetVersion) X(cuDeviceGetCount) X(cuDeviceGet) X(cuDeviceGetName) X(cuDeviceTotalMem_v2) X(cuDeviceGetAttribute)     \
    X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxRelease_v2) X(cuCtxSetCurrent) X(cuCtxSynchronize) X(cuMemAllocAsync) X(cuMemFreeAsync)  \
    X(cuMemGetInfo_v2) X(cuDeviceGetDefaultMemPool) X(cuMemPoolSetAttribute) X(cuMemPoolGetAttribute) X(cuMemPoolTrimTo) X(cuMemAllocHost_v2)\
    X(cuMemFreeHost) X(cuMemcpyHtoDAsync_v2) X(cuMemcpyDtoHAsync_v2) X(cuMemcpyDtoDAsync_v2) X(cuMemsetD32Async) X(cuModuleLoadDataEx)       \
    X(cuModuleUnload) X(cuModuleGetFunction) X(cuFuncGetAttribute) X(cuFuncSetAttribute) X(cuOccupancyMaxActiveBlocksPerMultiprocessor)      \
    X(cuLaunchKernel) X(cuLaunchKernelEx) X(cuTensorMapEncodeTiled) X(cuTensorMapEncodeIm2col) X(cuStreamCreate) X(cuStreamDestroy_v2)       \
    X(cuStreamSynchronize) X(cuStreamWaitEvent) X(cuEventCreate) X(cuEventDestroy_v2) X(cuEventRecord) X(cuEventSynchronize) X(cuEventQuery)  \
    X(cuEventElapsedTime) X(cuStreamBeginCapture_v2) X(cuStreamEndCapture) X(cuGraphInstantiateWithFlags) X(cuGraphLaunch) X(cuGraphDestroy) \
    X(cuGraphExecDestroy)

#define ENUMERATOR(name) CALL_##name,
#define NAME(name) #name,
enum { CALLS(ENUMERATOR) CALL_COUNT };
static const char* const call_names[] = {CALLS(NAME)};

static int64_t counts[CALL_COUNT];
static int armed_call = -1, armed_code, armed_skip;
static int lost_code;    /* every call but cuGetError* answers this */
static int pending_code; /* reported, and made lasting, by the next synchronisation */
static int device_count = 2;
static uint64_t memory_limit = 1ull << 30, memory_used, memory_reserved, threshold;
static int retained[8];
static int64_t syncs;    /* synchronisations so far */
static int live_graphs; /* recordings, and what was made of them */
static int accepts_all, queued; /* launches and copies since the last synchronisation */
static int captured_uploads;
static __thread void* current;

/* What the last launch was given. */
static struct { uint32_t grid[3], block[3], shared, cluster[3], overlaps; void* stream; } last_launch;

static int find(const char* name)
{
    for (int i = 0; i < CALL_COUNT; i++)
        if (strcmp(call_names[i], name) == 0) return i;
    return -1;
}

static int enter(int call)
{
    counts[call]++;
    if (lost_code) return lost_code;
    if (call == armed_call && armed_skip-- == 0) {
        armed_call = -1;
        return armed_code;
    }
    return SUCCESS;
}

#define ENTER(name) do { int code_ = enter(CALL_##name); if (code_) return code_; } while (0)
#define NEED_CONTEXT() do { if (!current || !retained[(intptr_t)current - 1]) return INVALID_CONTEXT; } while (0)

/* For processes that nobody can call into: the device's memory in bytes; every kernel is there then. */
__attribute__((constructor)) static void read_environment(void)
{
    const char* bytes = getenv("STUB_MEMORY");
    if (!bytes) return;
    memory_limit = strtoull(bytes, 0, 10);
    accepts_all = 1;
}

/* --- control ------------------------------------------------------------------------------------------------------------------- */

API void stub_reset(void)
{
    memset(counts, 0, sizeof counts);
    armed_call = -1;
    lost_code = pending_code = 0;
    device_count = 2;
    memory_limit = 1ull << 30;
    accepts_all = queued = captured_uploads = 0;
}

/* The call after the next `skip` ones of this name fails with `code`. */
API int stub_fail(const char* name, int code, int skip)
{
    armed_call = find(name);
    armed_code = code;
    armed_skip = skip;
    return armed_call >= 0;
}

API int64_t stub_count_all(void)
{
    int64_t sum = 0;
    for (int i = 0; i < CALL_COUNT; i++) sum += counts[i];
    return sum;
}

API void stub_accept_kernels(void) { accepts_all = 1; }
API int stub_queued(void) { return queued; }

API int stub_captured_uploads(void) { return captured_uploads; }
API int stub_live_graphs(void) { return live_graphs; }

API int64_t stub_count(const char* name)
{
    int call = find(name);
    return call < 0 ? -1 : counts[call];
}

API void stub_lose_device(int code) { lost_code = code; }
API void stub_set_devices(int count) { device_count = count; }
API void stub_set_memory_limit(uint64_t bytes) { memory_limit = bytes; }
API uint64_t stub_memory_used(void) { return memory_used; }
API void stub_last_launch(uint32_t values[11])
{
    memcpy(values, last_launch.grid, 12);
    memcpy(values + 3, last_launch.block, 12);
    values[6] = last_launch.shared;
    memcpy(values + 7, last_launch.cluster, 12);
    values[10] = last_launch.overlaps;
}

/* --- errors -------------------------------------------------------------------------------------------------------------------- */

static const struct { int code; const char *name, *text; } errors[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
};

static int describe(int code, const char** out, int text)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code) {
            *out = text ? errors[i].text : errors[i].name;
            return SUCCESS;
        }
    *out = 0;
    return INVALID_VALUE;
}

API int cuGetErrorName(int code, const char** out) { return describe(code, out, 0); }
API int cuGetErrorString(int code, const char** out) { return describe(code, out, 1); }

/* --- devices and contexts -------------------------------------------------------------------------------------------------------- */

API int cuInit(unsigned flags) { ENTER(cuInit); return flags ? INVALID_VALUE : SUCCESS; }
API int cuDriverGetVersion(int* version) { ENTER(cuDriverGetVersion); *version = 12040; return SUCCESS; }
API int cuDeviceGetCount(int* count) { ENTER(cuDeviceGetCount); *count = device_count; return SUCCESS; }

API int cuDeviceGet(int* device, int ordinal)
{
    ENTER(cuDeviceGet);
    if (ordinal < 0 || ordinal >= device_count) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

API int cuDeviceGetName(char* name, int length, int device)
{
    ENTER(cuDeviceGetName);
    strncpy(name, device ? "Stub GPU 1" : "Stub GPU 0", (size_t)length);
    return SUCCESS;
}

API int cuDeviceTotalMem_v2(size_t* bytes, int device) { ENTER(cuDeviceTotalMem_v2); (void)device; *bytes = memory_limit; return SUCCESS; }

API int cuDeviceGetAttribute(int* value, int attribute, int device)
{
    ENTER(cuDeviceGetAttribute);
    switch (attribute) {
        case 1: *value = 1024; break;
        case 5: *value = 0x7fffffff; break;
        case 6: case 7: *value = 65535; break;
        case 8: *value = 49152; break;
        case 10: *value = 32; break;
        case 16: *value = 132; break;
        case 33: *value = 16 + device; break;
        case 34: case 50: *value = 0; break;
        case 38: *value = 50 << 20; break;
        case 39: *value = 2048; break;
        case 75: *value = 9; break;
        case 76: *value = 0; break;
        case 81: *value = 233472; break;
        case 82: *value = 65536; break;
        case 97: *value = 232448; break;
        case 115: case 120: case 127: *value = 1; break;
        default: return INVALID_VALUE;
    }
    return SUCCESS;
}

API int cuDevicePrimaryCtxRetain(void** context, int device)
{
    ENTER(cuDevicePrimaryCtxRetain);
    retained[device]++;
    *context = (void*)(intptr_t)(device + 1);
    return SUCCESS;
}

API int cuDevicePrimaryCtxRelease_v2(int device)
{
    ENTER(cuDevicePrimaryCtxRelease_v2);
    if (retained[device] == 0) return INVALID_CONTEXT;
    retained[device]--;
    return SUCCESS;
}

/* Not counted: the driver answers it from the thread's own memory. */
API int cuCtxGetCurrent(void** context) { *context = current; return SUCCESS; }

API int cuCtxSetCurrent(void* context) { ENTER(cuCtxSetCurrent); current = context; return SUCCESS; }

static int synchronize(void)
{
    if (pending_code) lost_code = pending_code;
    pending_code = queued = 0;
    syncs++;
    return lost_code;
}

API int cuCtxSynchronize(void) { ENTER(cuCtxSynchronize); NEED_CONTEXT(); return synchronize(); }

/* --- memory ---------------------------------------------------------------------------------------------------------------------- */

typedef struct { int live, broken; struct graph* capture; } stream;
typedef struct block { struct block* next; char* start; size_t bytes; } block;
static block* blocks;

/* What may not be recorded spoils the recording. Allocations may, and are refused here all the same: no graph of ours is to hold any. */
static int breaks_capture(stream* s)
{
    if (!s || !s->capture) return 0;
    s->broken = 1;
    return 1;
}

static int inside(uint64_t address, size_t bytes)
{
    for (block* b = blocks; b; b = b->next)
        if (address >= (uint64_t)b->start && address + bytes <= (uint64_t)b->start + b->bytes) return 1;
    return 0;
}

#ifndef STUB_CUDA_10
API int cuMemAllocAsync(uint64_t* address, size_t bytes, void* where)
{
    ENTER(cuMemAllocAsync);
    NEED_CONTEXT();
    if (breaks_capture(where)) return CAPTURE_UNSUPPORTED;
    if (bytes == 0) return INVALID_VALUE;
    if (bytes > memory_limit - memory_used) return OUT_OF_MEMORY;
    block* b = malloc(sizeof *b);
    b->start = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(b->start, 0xff, bytes);
    b->bytes = bytes;
    b->next = blocks;
    blocks = b;
    memory_used += bytes;
    if (memory_reserved < memory_used) memory_reserved = memory_used;
    *address = (uint64_t)b->start;
    return SUCCESS;
}
#endif

API int cuMemFreeAsync(uint64_t address, void* where)
{
    ENTER(cuMemFreeAsync);
    NEED_CONTEXT();
    if (breaks_capture(where)) return CAPTURE_UNSUPPORTED;
    for (block** p = &blocks; *p; p = &(*p)->next)
        if ((uint64_t)(*p)->start == address) {
            block* b = *p;
            *p = b->next;
            memory_used -= b->bytes;
            free(b->start);
            free(b);
            return SUCCESS;
        }
    return INVALID_VALUE;
}

API int cuMemGetInfo_v2(size_t* available, size_t* total)
{
    ENTER(cuMemGetInfo_v2);
    NEED_CONTEXT();
    *available = memory_limit - memory_used;
    *total = memory_limit;
    return SUCCESS;
}

API int cuDeviceGetDefaultMemPool(void** pool, int device) { ENTER(cuDeviceGetDefaultMemPool); (void)device; *pool = &memory_used; return SUCCESS; }

API int cuMemPoolSetAttribute(void* pool, int attribute, void* value)
{
    ENTER(cuMemPoolSetAttribute);
    if (pool != &memory_used || attribute != 4) return INVALID_VALUE;
    threshold = *(uint64_t*)value;
    return SUCCESS;
}

API int cuMemPoolGetAttribute(void* pool, int attribute, void* value)
{
    ENTER(cuMemPoolGetAttribute);
    if (pool != &memory_used) return INVALID_VALUE;
    *(uint64_t*)value = attribute == 4 ? threshold : attribute == 5 ? memory_reserved : memory_used;
    return SUCCESS;
}

API int cuMemPoolTrimTo(void* pool, size_t keep)
{
    ENTER(cuMemPoolTrimTo);
    if (pool != &memory_used) return INVALID_VALUE;
    if (memory_reserved > keep) memory_reserved = keep > memory_used ? keep : memory_used;
    return SUCCESS;
}

API int cuMemAllocHost_v2(void** memory, size_t bytes)
{
    ENTER(cuMemAllocHost_v2);
    NEED_CONTEXT();
    *memory = malloc(bytes);
    return *memory ? SUCCESS : OUT_OF_MEMORY;
}

API int cuMemFreeHost(void* memory) { ENTER(cuMemFreeHost); NEED_CONTEXT(); free(memory); return SUCCESS; }

/* --- modules --------------------------------------------------------------------------------------------------------------------- */

/* Every kernel has arrays of its own in shared memory, which count in the 48 KiB that need no permission. */
enum { STATIC_SHARED = 32, FREE_SHARED = 49152 - STATIC_SHARED };

typedef struct { char kernel; int max_shared; } function;
typedef struct { function add, fault, other; int live; } module;

API int cuModuleLoadDataEx(void** out, const void* image, unsigned count, int* options, void** values)
{
    ENTER(cuModuleLoadDataEx);
    NEED_CONTEXT();
    if (((const char*)image)[0] == '?') {
        for (unsigned i = 0; i < count; i++)
            if (options[i] == 5) strcpy(values[i], "ptxas fatal: Unsupported .version 9.9");
        return INVALID_IMAGE;
    }
    module* m = calloc(1, sizeof *m);
    m->add = (function){'a', FREE_SHARED};
    m->fault = (function){'x', FREE_SHARED};
    m->other = (function){'n', FREE_SHARED};
    m->live = 1;
    *out = m;
    return SUCCESS;
}

API int cuModuleUnload(void* handle)
{
    ENTER(cuModuleUnload);
    NEED_CONTEXT();
    module* m = handle;
    if (!m->live) return INVALID_HANDLE;
    m->live = 0;
    return SUCCESS;
}

API int cuModuleGetFunction(void** out, void* handle, const char* name)
{
    ENTER(cuModuleGetFunction);
    NEED_CONTEXT();
    module* m = handle;
    if (!m->live) return INVALID_HANDLE;
    if (strcmp(name, "add_f32") == 0) *out = &m->add;
    else if (strcmp(name, "contract_fault") == 0) *out = &m->fault;
    else if (accepts_all) *out = &m->other;
    else return NOT_FOUND;
    return SUCCESS;
}

API int cuFuncGetAttribute(int* value, int attribute, void* handle)
{
    ENTER(cuFuncGetAttribute);
    switch (attribute) {
        case 0: *value = 1024; break;
        case 1: *value = STATIC_SHARED; break;
        case 3: *value = 0; break;
        case 4: *value = 12; break;
        case 5: case 6: *value = 90; break;
        case 8: *value = ((function*)handle)->max_shared; break;
        case 9: *value = -1; break;
        default:
            if (attribute < 0 || attribute > 15) return INVALID_VALUE;
            *value = 0;
    }
    return SUCCESS;
}

API int cuFuncSetAttribute(void* handle, int attribute, int value)
{
    ENTER(cuFuncSetAttribute);
    if (attribute != 8 || value > 232448 - STATIC_SHARED) return INVALID_VALUE;
    ((function*)handle)->max_shared = value;
    return SUCCESS;
}

API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks_out, void* handle, int threads, size_t shared)
{
    ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor);
    (void)handle;
    (void)shared;
    *blocks_out = 2048 / threads;
    return SUCCESS;
}

/* --- streams, graphs and launches ---------------------------------------------------------------------------------------------------- */

typedef struct op { struct op* next; char kind; uint64_t target, source, other; size_t count; uint32_t word; } op;
typedef struct graph { op *first, **last; } graph;
typedef struct { int live, recorded; int64_t time, syncs; } event;
static int64_t clock_ticks;

static int run(const op* o)
{
    switch (o->kind) {
        case 'a':
            for (size_t i = 0; i < o->count; i++) ((float*)o->target)[i] = ((float*)o->source)[i] + ((float*)o->other)[i];
            return SUCCESS;
        case 'f':
            for (size_t i = 0; i < o->count; i++) ((uint32_t*)o->target)[i] = o->word;
            return SUCCESS;
        case 'c': memcpy((void*)o->target, (void*)o->source, o->count); return SUCCESS;
        case 'n': return SUCCESS;
        default: pending_code = ILLEGAL_ADDRESS; return SUCCESS;
    }
}

static int queue(void* handle, op what)
{
    stream* s = handle;
    if (s && !s->live) return INVALID_HANDLE;
    if (!s || !s->capture) {
        queued++;
        return run(&what);
    }

    captured_uploads += what.kind == 'c' && !inside(what.source, what.count);
    op* o = malloc(sizeof *o);
    *o = what;
    o->next = 0;
    *s->capture->last = o;
    s->capture->last = &o->next;
    return SUCCESS;
}

static int launch(void* handle, void* where, void** arguments)
{
    function* f = handle;
    uint64_t block = (uint64_t)last_launch.block[0] * last_launch.block[1] * last_launch.block[2];
    uint64_t grid = (uint64_t)last_launch.grid[0] * last_launch.grid[1] * last_launch.grid[2];
    if (block == 0 || block > 1024 || grid == 0 || last_launch.shared > (uint32_t)f->max_shared) return INVALID_VALUE;
    if (f->kernel != 'a') return queue(where, (op){.kind = f->kernel});
    return queue(where, (op){.kind = 'a', .source = *(uint64_t*)arguments[0], .other = *(uint64_t*)arguments[1], .target = *(uint64_t*)arguments[2],
        .count = *(uint64_t*)arguments[3]});
}

API int cuLaunchKernel(void* f, uint32_t gx, uint32_t gy, uint32_t gz, uint32_t bx, uint32_t by, uint32_t bz, uint32_t shared, void* where,
    void** arguments, void** extra)
{
    ENTER(cuLaunchKernel);
    NEED_CONTEXT();
    (void)extra;
    memset(&last_launch, 0, sizeof last_launch);
    last_launch.grid[0] = gx; last_launch.grid[1] = gy; last_launch.grid[2] = gz;
    last_launch.block[0] = bx; last_launch.block[1] = by; last_launch.block[2] = bz;
    last_launch.shared = shared;
    return launch(f, where, arguments);
}

API int cuMemcpyHtoDAsync_v2(uint64_t target, const void* source, size_t bytes, void* where)
{
    ENTER(cuMemcpyHtoDAsync_v2);
    NEED_CONTEXT();
    return inside(target, bytes) ? queue(where, (op){.kind = 'c', .target = target, .source = (uint64_t)source, .count = bytes}) : INVALID_VALUE;
}

API int cuMemcpyDtoHAsync_v2(void* target, uint64_t source, size_t bytes, void* where)
{
    ENTER(cuMemcpyDtoHAsync_v2);
    NEED_CONTEXT();
    return inside(source, bytes) ? queue(where, (op){.kind = 'c', .target = (uint64_t)target, .source = source, .count = bytes}) : INVALID_VALUE;
}

API int cuMemcpyDtoDAsync_v2(uint64_t target, uint64_t source, size_t bytes, void* where)
{
    ENTER(cuMemcpyDtoDAsync_v2);
    NEED_CONTEXT();
    return inside(source, bytes) && inside(target, bytes) ? queue(where, (op){.kind = 'c', .target = target, .source = source, .count = bytes}) : INVALID_VALUE;
}

API int cuMemsetD32Async(uint64_t target, uint32_t word, size_t count, void* where)
{
    ENTER(cuMemsetD32Async);
    NEED_CONTEXT();
    return inside(target, 4 * count) ? queue(where, (op){.kind = 'f', .target = target, .count = count, .word = word}) : INVALID_VALUE;
}

API int cuStreamCreate(void** out, unsigned flags)
{
    ENTER(cuStreamCreate);
    NEED_CONTEXT();
    (void)flags;
    stream* s = calloc(1, sizeof *s);
    s->live = 1;
    *out = s;
    return SUCCESS;
}

/* Handles of what was destroyed stay readable, so that their use is answered and not undefined. */
API int cuStreamDestroy_v2(void* handle)
{
    ENTER(cuStreamDestroy_v2);
    stream* s = handle;
    if (!s->live) return INVALID_HANDLE;
    s->live = 0;
    return SUCCESS;
}

API int cuStreamSynchronize(void* handle)
{
    ENTER(cuStreamSynchronize);
    NEED_CONTEXT();
    if (handle && !((stream*)handle)->live) return INVALID_HANDLE;
    return breaks_capture(handle) ? CAPTURE_UNSUPPORTED : synchronize();
}

API int cuEventCreate(void** out, unsigned flags)
{
    ENTER(cuEventCreate);
    NEED_CONTEXT();
    (void)flags;
    event* e = calloc(1, sizeof *e);
    e->live = 1;
    *out = e;
    return SUCCESS;
}

API int cuEventDestroy_v2(void* handle)
{
    ENTER(cuEventDestroy_v2);
    event* e = handle;
    if (!e->live) return INVALID_HANDLE;
    e->live = 0;
    return SUCCESS;
}

API int cuEventRecord(void* handle, void* where)
{
    ENTER(cuEventRecord);
    (void)where;
    event* e = handle;
    if (!e->live) return INVALID_HANDLE;
    e->recorded = 1;
    e->time = ++clock_ticks;
    e->syncs = syncs;
    return SUCCESS;
}

API int cuEventSynchronize(void* handle) { ENTER(cuEventSynchronize); return ((event*)handle)->live ? synchronize() : INVALID_HANDLE; }

/* An event happens when somebody waits for what was queued before it. */
API int cuEventQuery(void* handle)
{
    ENTER(cuEventQuery);
    event* e = handle;
    if (!e->live) return INVALID_HANDLE;
    return e->recorded && e->syncs == syncs ? NOT_READY : SUCCESS;
}

API int cuStreamWaitEvent(void* where, void* handle, unsigned flags)
{
    ENTER(cuStreamWaitEvent);
    (void)where;
    (void)flags;
    return ((event*)handle)->live ? SUCCESS : INVALID_HANDLE;
}

API int cuEventElapsedTime(float* milliseconds, void* start, void* end)
{
    ENTER(cuEventElapsedTime);
    if (!((event*)start)->recorded || !((event*)end)->recorded) return INVALID_HANDLE;
    *milliseconds = (float)(((event*)end)->time - ((event*)start)->time);
    return SUCCESS;
}

API int cuStreamBeginCapture_v2(void* handle, int mode)
{
    ENTER(cuStreamBeginCapture_v2);
    (void)mode;
    stream* s = handle;
    if (!s || s->capture) return INVALID_VALUE;
    s->broken = 0;
    s->capture = calloc(1, sizeof *s->capture);
    s->capture->last = &s->capture->first;
    return SUCCESS;
}

API int cuStreamEndCapture(void* handle, void** out)
{
    stream* s = handle;
    int code = enter(CALL_cuStreamEndCapture);
    if (code) {
        s->capture = 0; /* over in any case */
        return code;
    }

    if (!s->capture) return CAPTURE_INVALIDATED;
    *out = s->broken ? 0 : s->capture;
    live_graphs += !s->broken;
    s->capture = 0;
    return s->broken ? CAPTURE_INVALIDATED : SUCCESS;
}

API int cuGraphInstantiateWithFlags(void** out, void* handle, unsigned long long flags)
{
    ENTER(cuGraphInstantiateWithFlags);
    (void)flags;
    live_graphs++;
    *out = handle; /* the recording itself is what runs; it is never taken apart */
    return SUCCESS;
}

API int cuGraphLaunch(void* handle, void* where)
{
    ENTER(cuGraphLaunch);
    for (op* o = ((graph*)handle)->first; o; o = o->next) {
        int code = queue(where, *o);
        if (code) return code;
    }
    return SUCCESS;
}

API int cuGraphDestroy(void* handle) { ENTER(cuGraphDestroy); (void)handle; live_graphs--; return SUCCESS; }
API int cuGraphExecDestroy(void* handle) { ENTER(cuGraphExecDestroy); (void)handle; live_graphs--; return SUCCESS; }

/* --- since CUDA 12 ------------------------------------------------------------------------------------------------------------------- */

#if !defined(STUB_CUDA_11) && !defined(STUB_CUDA_10)
typedef struct { uint32_t id, pad; union { char bytes[64]; uint32_t words[16]; } value; } launch_attribute;
typedef struct { uint32_t grid[3], block[3], shared; void* stream; launch_attribute* attributes; uint32_t count; } launch_config;

API int cuLaunchKernelEx(const launch_config* config, void* f, void** arguments, void** extra)
{
    ENTER(cuLaunchKernelEx);
    NEED_CONTEXT();
    (void)extra;
    memset(&last_launch, 0, sizeof last_launch);
    memcpy(last_launch.grid, config->grid, 12);
    memcpy(last_launch.block, config->block, 12);
    last_launch.shared = config->shared;
    for (uint32_t i = 0; i < config->count; i++) {
        if (config->attributes[i].id == 4) memcpy(last_launch.cluster, config->attributes[i].value.words, 12);
        else if (config->attributes[i].id == 6) last_launch.overlaps = config->attributes[i].value.words[0];
        else return INVALID_VALUE;
    }
    for (int i = 0; i < 3; i++) {
        if (last_launch.cluster[i] && config->grid[i] % last_launch.cluster[i]) return INVALID_VALUE;
    }
    return launch(f, config->stream, arguments);
}

/* The map holds what went in, one value a word. */
API int cuTensorMapEncodeTiled(uint64_t* map, int type, uint32_t rank, void* address, const uint64_t* extents, const uint64_t* strides,
    const uint32_t* box, const uint32_t* steps, int interleave, int swizzle, int promotion, int fill)
{
    ENTER(cuTensorMapEncodeTiled);
    if ((uintptr_t)map % 64 || interleave || fill || steps[rank - 1] != 1) return INVALID_VALUE;
    memset(map, 0, 128);
    map[0] = (uint64_t)type;
    map[1] = rank;
    map[2] = (uint64_t)address;
    map[3] = extents[rank - 1];
    map[4] = rank > 1 ? strides[rank - 2] : 0;
    map[5] = box[rank - 1];
    map[6] = (uint64_t)swizzle;
    map[7] = (uint64_t)promotion;
    return SUCCESS;
}

API int cuTensorMapEncodeIm2col(uint64_t* map, int type, uint32_t rank, void* address, const uint64_t* extents, const uint64_t* strides,
    const int* lower, const int* upper, uint32_t channels, uint32_t pixels, const uint32_t* steps, int interleave, int swizzle, int promotion, int fill)
{
    ENTER(cuTensorMapEncodeIm2col);
    if ((uintptr_t)map % 64 || interleave || fill || steps[rank - 1] != 1) return INVALID_VALUE;
    memset(map, 0, 128);
    map[0] = (uint64_t)type;
    map[1] = rank;
    map[2] = (uint64_t)address;
    map[3] = extents[rank - 1];
    map[4] = strides[rank - 2];
    map[5] = (uint64_t)(int64_t)lower[rank - 3];
    map[6] = (uint64_t)(int64_t)upper[rank - 3];
    map[7] = channels;
    map[8] = pixels;
    map[9] = (uint64_t)swizzle;
    map[10] = (uint64_t)promotion;
    return SUCCESS;
}
#endif
