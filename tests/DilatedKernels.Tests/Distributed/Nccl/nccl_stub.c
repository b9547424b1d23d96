/* The few calls of NCCL that the library makes, over the memory of a driver without a device: bytes pass through a file that all ranks
 * map, be they threads of one process or processes. A group of calls is done when ncclGroupEnd returns; a send is done when its receiver
 * has taken all of it. Where NCCL would wait for ever or do something undefined, this answers with an error: sizes that differ, a rank
 * that does not come in time, arguments that are wrong.
 *
 *   gcc -shared -fPIC -O2 -pthread -o libnccl_stub.so nccl_stub.c
 *   -DSTUB_OLD      is a version that cannot send
 *   -DSTUB_LACKS    has no ncclRecv
 *
 * NCCL_STUB_FAIL, or nccl_stub_fail, makes a call fail: "CALL:CODE:RANK:SKIP", after SKIP that do not, of rank RANK alone or -1 for any.
 * CALL "async" is what ncclCommGetAsyncError tells after SKIP groups, "version" what ncclGetVersion does, and
 * "slow" for how many seconds ncclCommInitRank does nothing. NCCL_STUB_SECONDS is how long a rank is waited for.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

enum { SUCCESS = 0, SYSTEM_ERROR = 2, INTERNAL_ERROR = 3, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, REMOTE_ERROR = 6 };
enum { MOST_RANKS = 8, MOST_COMMS = 64, MOST_OPS = 1024, RING = 1 << 16 };

typedef struct { uint8_t bytes[128]; } unique_id;
typedef struct { uint64_t count, type; } header;

/* From one rank to another: bytes in their order. */
typedef struct { _Atomic uint64_t written, read; uint8_t data[RING]; } ring;
typedef struct { _Atomic int size, joined[MOST_RANKS], broken; ring rings[MOST_RANKS][MOST_RANKS]; } shared;

typedef struct comm { shared* all; int rank, size; _Atomic int aborted; int64_t groups; } comm;
typedef struct { comm* c; int is_send, peer; uint8_t* at; header h; uint64_t done, total, end; } op;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static comm* comms[MOST_COMMS];
static int64_t calls_sent;
static int starts;
static void* last_stream;
static __thread int depth, op_count, group_error; /* a call that fails fails its group */
static __thread op ops[MOST_OPS];
static char last_error[256];

static char fail_call[64];
static int fail_code, fail_rank, fail_skip;

static int error(int code, const char* text, int rank)
{
    snprintf(last_error, sizeof last_error, text, rank);
    return code;
}

API void nccl_stub_fail(const char* what)
{
    pthread_mutex_lock(&lock);
    fail_call[0] = 0;
    starts = 0;
    fail_rank = -1;
    fail_skip = 0;
    if (what && sscanf(what, "%63[^:]:%d:%d:%d", fail_call, &fail_code, &fail_rank, &fail_skip) < 2) fail_call[0] = 0;
    pthread_mutex_unlock(&lock);
}

/* Sends so far, communicators that have not been given back, and the stream of the last send. */
API int64_t nccl_stub_sends(void) { return calls_sent; }
API int nccl_stub_starts(void) { return starts; } /* since the last nccl_stub_fail */
API void* nccl_stub_stream(void) { return last_stream; }

API int nccl_stub_live(void)
{
    int live = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MOST_COMMS; i++) live += comms[i] != NULL;
    pthread_mutex_unlock(&lock);
    return live;
}

__attribute__((constructor)) static void read_environment(void) { nccl_stub_fail(getenv("NCCL_STUB_FAIL")); }

static int failure(const char* call, int rank)
{
    int code = SUCCESS;
    pthread_mutex_lock(&lock);
    if (strcmp(fail_call, call) == 0 && (fail_rank < 0 || rank < 0 || rank == fail_rank) && fail_skip-- <= 0) code = fail_code;
    pthread_mutex_unlock(&lock);
    return code ? error(code, "as the test asked, on rank %d", rank) : SUCCESS;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static double limit(void)
{
    const char* seconds = getenv("NCCL_STUB_SECONDS");
    return now() + (seconds ? atof(seconds) : 30);
}

static int is_live(const comm* c)
{
    int live = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MOST_COMMS; i++) live |= c && comms[i] == c;
    pthread_mutex_unlock(&lock);
    return live;
}

/* What follows the first 16 bytes comes of them: an id that was cut off or passed otherwise is found out. */
static void fill(unique_id* id)
{
    for (int i = 16; i < 128; i++) id->bytes[i] = (uint8_t)(id->bytes[i - 16] * 5 + i);
}

/* Beside this library, in the folder that the test made for it. */
static void path_of(const unique_id* id, char* path, size_t size)
{
    Dl_info info;
    dladdr((void*)path_of, &info);
    const char* slash = strrchr(info.dli_fname, '/');
    int n = snprintf(path, size, "%.*s/nccl-", (int)(slash ? slash - info.dli_fname : 0), info.dli_fname);
    for (int i = 0; i < 16; i++) n += snprintf(path + n, size - n, "%02x", id->bytes[i]);
}

API const char* ncclGetErrorString(int code)
{
    static const char* const texts[] = {"no error", "unhandled cuda error", "unhandled system error", "internal error", "invalid argument", "invalid usage", "remote process exited or there was a network error"};
    return code >= 0 && code < 7 ? texts[code] : "unknown result code";
}

API const char* ncclGetLastError(comm* c) { (void)c; return last_error; }

API int ncclGetVersion(int* version)
{
#ifdef STUB_OLD
    *version = 2604;
#else
    int other = failure("version", -1);
    *version = other ? other : 21903;
#endif
    return SUCCESS;
}

API int ncclGetUniqueId(unique_id* id)
{
    int code = failure("ncclGetUniqueId", -1);
    if (code) return code;
    char path[4096];
    int random = open("/dev/urandom", O_RDONLY);
    if (random < 0 || read(random, id->bytes, 16) != 16) return error(SYSTEM_ERROR, "no random numbers (%d)", random);
    close(random);
    fill(id);
    path_of(id, path, sizeof path);
    int file = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (file < 0 || ftruncate(file, sizeof(shared))) return error(SYSTEM_ERROR, "no file (%d)", file);
    close(file);
    return SUCCESS;
}

API int ncclCommInitRank(comm** out, int size, unique_id id, int rank)
{
    int code = failure("ncclCommInitRank", rank);
    if (code) return code;
    unique_id expected = id;
    fill(&expected);
    if (!out || size < 1 || size > MOST_RANKS || rank < 0 || rank >= size || memcmp(&expected, &id, sizeof id)) return error(INVALID_ARGUMENT, "rank %d joins with wrong arguments", rank);
    char path[4096];
    path_of(&id, path, sizeof path);
    int file = open(path, O_RDWR);
    if (file < 0) return error(INVALID_ARGUMENT, "rank %d joins by an unknown id", rank);
    shared* all = mmap(NULL, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (all == MAP_FAILED) return error(SYSTEM_ERROR, "no memory for rank %d", rank);
    int none = 0;
    if (!atomic_compare_exchange_strong(&all->size, &none, size) && none != size) return error(INVALID_ARGUMENT, "rank %d joins with another size", rank);
    if (atomic_exchange(&all->joined[rank], 1)) return error(INVALID_USAGE, "rank %d joins twice", rank);
    if ((code = failure("slow", rank))) sleep(code);
    double end = limit();
    for (int other = 0; other < size; other++)
        while (!all->joined[other]) {
            if (now() > end) return error(SYSTEM_ERROR, "rank %d did not join", other);
            usleep(200);
        }
    if (rank == 0) unlink(path);
    comm* c = calloc(1, sizeof *c);
    c->all = all;
    c->rank = rank;
    c->size = size;
    pthread_mutex_lock(&lock);
    int i = 0;
    while (i < MOST_COMMS && comms[i]) i++;
    if (i < MOST_COMMS) comms[i] = c;
    starts++;
    pthread_mutex_unlock(&lock);
    *out = c;
    return i < MOST_COMMS ? SUCCESS : error(INTERNAL_ERROR, "rank %d has one communicator too many", rank);
}

static int give_back(comm* c)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < MOST_COMMS; i++)
        if (comms[i] == c) comms[i] = NULL;
    pthread_mutex_unlock(&lock);
    /* Another thread may be in a call: the memory stays. */
    return SUCCESS;
}

API int ncclCommDestroy(comm* c)
{
    if (!is_live(c)) return error(INVALID_ARGUMENT, "an unknown communicator is destroyed (%d)", 0);
    if (depth) return error(INVALID_USAGE, "rank %d leaves inside a group", c->rank);
    return give_back(c);
}

API int ncclCommAbort(comm* c)
{
    if (!is_live(c)) return error(INVALID_ARGUMENT, "an unknown communicator is aborted (%d)", 0);
    c->aborted = 1;
    return give_back(c);
}

API int ncclCommGetAsyncError(comm* c, int* state)
{
    if (!is_live(c)) return error(INVALID_ARGUMENT, "an unknown communicator is asked (%d)", 0);
    *state = SUCCESS;
    pthread_mutex_lock(&lock);
    int is_asked = strcmp(fail_call, "async") == 0 && (fail_rank < 0 || fail_rank == c->rank) && c->groups >= fail_skip;
    pthread_mutex_unlock(&lock);
    if (is_asked) *state = error(fail_code, "as the test asked, on rank %d", c->rank);
    return SUCCESS;
}

/* Moves what can be moved of one call; whether anything did. */
static int advance(op* o)
{
    comm* c = o->c;
    ring* r = o->is_send ? &c->all->rings[c->rank][o->peer] : &c->all->rings[o->peer][c->rank];
    int moved = 0;
    if (o->is_send) {
        while (o->done < o->total && r->written - r->read < RING) {
            uint64_t at = r->written % RING, room = RING - (r->written - r->read), in_header = o->done < sizeof o->h;
            uint64_t n = in_header ? sizeof o->h - o->done : o->total - o->done;
            n = n < room ? n : room;
            n = n < RING - at ? n : RING - at;
            memcpy(r->data + at, in_header ? (uint8_t*)&o->h + o->done : o->at + (o->done - sizeof o->h), n);
            o->done += n;
            r->written += n;
            o->end = r->written;
            moved = 1;
        }
        return moved;
    }
    while (o->done < o->total && r->written > r->read) {
        static __thread header h;
        uint64_t at = r->read % RING, there = r->written - r->read, in_header = o->done < sizeof h;
        /* A header comes whole. */
        if (o->done == 0 && there < sizeof h) break;
        uint64_t n = in_header ? sizeof h - o->done : o->total - o->done;
        n = n < there ? n : there;
        n = n < RING - at ? n : RING - at;
        memcpy(in_header ? (uint8_t*)&h + o->done : o->at + (o->done - sizeof h), r->data + at, n);
        o->done += n;
        r->read += n;
        moved = 1;
        if (o->done == sizeof h && memcmp(&h, &o->h, sizeof h)) {
            c->all->broken = 1;
            return -1;
        }
    }
    return moved;
}

static int is_done(const op* o)
{
    return o->done == o->total && (!o->is_send || o->c->all->rings[o->c->rank][o->peer].read >= o->end);
}

static int run(void)
{
    double end = limit();
    for (;;) {
        int open = 0, moved = 0;
        op* waiting = NULL;
        for (int i = 0; i < op_count; i++) {
            op* o = &ops[i];
            if (o->c->aborted) return error(INTERNAL_ERROR, "rank %d was aborted", o->c->rank);
            if (o->c->all->broken) return error(INVALID_USAGE, "what rank %d exchanges with others differs in size", o->c->rank);
            if (is_done(o)) continue;
            open++;
            waiting = o;
            /* One peer's calls in their order. */
            int is_first = 1;
            for (int j = 0; j < i; j++) is_first &= ops[j].peer != o->peer || ops[j].c != o->c || ops[j].is_send != o->is_send || ops[j].done == ops[j].total;
            int step = is_first && o->done < o->total ? advance(o) : 0;
            if (step < 0) return error(INVALID_USAGE, "what rank %d receives is of another size", o->c->rank);
            moved |= step;
        }
        if (!open) return SUCCESS;
        if (moved) end = limit();
        if (now() > end) return error(REMOTE_ERROR, "rank %d did not come", waiting->peer);
        if (!moved) usleep(50);
    }
}

API int ncclGroupStart(void)
{
    depth++;
    return SUCCESS;
}

API int ncclGroupEnd(void)
{
    if (depth == 0) return error(INVALID_USAGE, "a group ends that has not begun (%d)", 0);
    if (--depth) return SUCCESS;
    int code = group_error;
    if (!code && op_count) code = failure("ncclGroupEnd", ops[0].c->rank);
    if (!code) code = run();
    if (op_count) ops[0].c->groups++;
    op_count = group_error = 0;
    return code;
}

static int check(comm* c, int is_send, void* at, size_t count, int type, int peer)
{
    if (!is_live(c)) return error(INVALID_ARGUMENT, "a call with an unknown communicator (%d)", 0);
    int code = failure(is_send ? "ncclSend" : "ncclRecv", c->rank);
    if (code) return code;
    if (!at || !count || type < 0 || type > 9 || peer < 0 || peer >= c->size || op_count == MOST_OPS) return error(INVALID_ARGUMENT, "rank %d calls with wrong arguments", c->rank);
    return SUCCESS;
}

static int add(comm* c, int is_send, void* at, size_t count, int type, int peer, void* stream)
{
    static const int sizes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};
    int code = check(c, is_send, at, count, type, peer);
    if (code) return depth ? group_error = code : code;
    header h = {count, (uint64_t)type};
    ops[op_count++] = (op){c, is_send, peer, at, h, 0, sizeof h + count * sizes[type], 0};
    pthread_mutex_lock(&lock);
    calls_sent += is_send;
    last_stream = stream;
    pthread_mutex_unlock(&lock);
    if (depth) return SUCCESS;
    depth++;
    return ncclGroupEnd();
}

API int ncclSend(void* from, size_t count, int type, int peer, comm* c, void* stream) { return add(c, 1, from, count, type, peer, stream); }

#ifndef STUB_LACKS
API int ncclRecv(void* to, size_t count, int type, int peer, comm* c, void* stream) { return add(c, 0, to, count, type, peer, stream); }
#endif
