// Fibers: a stack each, and a switch between two of them.
// x86-64 has a switch of a dozen instructions (a few nanoseconds); elsewhere, or with DK_HOST_UCONTEXT, ucontext does it (some
// three hundred, most of them a system call for the signal mask).
#pragma once

#include <cstddef>
#include <vector>

#if !defined(__x86_64__) || defined(_WIN32)
#define DK_HOST_UCONTEXT 1
#endif

#if defined(DK_HOST_UCONTEXT)
#include <ucontext.h>
#endif

namespace dk::host {

// Where a fiber, or the thread that runs fibers, stands while it does not run.
struct Context {
#if defined(DK_HOST_UCONTEXT)
    ucontext_t state;
#else
    void* stack_pointer = nullptr;
#endif
    // What AddressSanitizer must know of the stack.
    const void* stack_low = nullptr;
    std::size_t stack_bytes = 0;
    void* fake_stack = nullptr;
};

// Makes context start entry(argument) on the given stack when it is first switched to. entry must never return.
void prepare(Context& context, char* stack_low, std::size_t stack_bytes, void (*entry)(void*), void* argument);

// Leaves the running context, whose place is kept in from, for to. ends: from will not be switched to again.
void switch_context(Context& from, Context& to, bool ends = false);

// The first thing that runs on a fiber.
void arrived(Context& self, Context& scheduler);

// Equal stacks in one address range, each with a page below it that faults, so that an overflow is not silent.
class StackPool {
public:
#if defined(__SANITIZE_ADDRESS__)
    static constexpr std::size_t stack_bytes = 256 * 1024;
#else
    static constexpr std::size_t stack_bytes = 64 * 1024;
#endif
    static constexpr std::size_t guard_bytes = 16 * 1024;

    explicit StackPool(int count);
    ~StackPool();
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;

    // The lowest address of a stack nobody has; the one given back last comes first, because the cache still holds it.
    char* take();
    void give_back(char* stack);
    void give_back_all();

    bool contains(const void* address) const
    {
        return static_cast<std::size_t>(static_cast<const char*>(address) - base_) < bytes_;
    }

private:
    char* base_;
    std::size_t bytes_;
    int opened_ = 0;
    int count_;
    std::vector<char*> free_;
};

}  // namespace dk::host
