#include "fiber.h"

#include <cstdint>
#include <new>

#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace dk::host {

#if defined(DK_HOST_UCONTEXT)

namespace {

// makecontext hands over ints only, so pointers travel in halves.
void start(unsigned entry_high, unsigned entry_low, unsigned argument_high, unsigned argument_low)
{
    auto join = [](unsigned high, unsigned low) { return (static_cast<std::uint64_t>(high) << 32) | low; };
    auto entry = reinterpret_cast<void (*)(void*)>(static_cast<std::uintptr_t>(join(entry_high, entry_low)));
    entry(reinterpret_cast<void*>(static_cast<std::uintptr_t>(join(argument_high, argument_low))));
}

}  // namespace

static void prepare_registers(Context& context, char* stack_low, std::size_t stack_bytes, void (*entry)(void*), void* argument)
{
    getcontext(&context.state);
    context.state.uc_stack.ss_sp = stack_low;
    context.state.uc_stack.ss_size = stack_bytes;
    context.state.uc_link = nullptr;
    auto e = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(entry));
    auto a = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(argument));
    makecontext(&context.state, reinterpret_cast<void (*)()>(start), 4, static_cast<unsigned>(e >> 32), static_cast<unsigned>(e),
        static_cast<unsigned>(a >> 32), static_cast<unsigned>(a));
}

static void switch_registers(Context& from, Context& to) { swapcontext(&from.state, &to.state); }

#else

// The System V ABI keeps rbx, rbp and r12 to r15 over a call, and nothing else that kernels change.
// A fiber that starts finds its entry in r12 and the argument in r13.
asm(R"(
    .text
    .p2align 4
    .local dk_host_switch
dk_host_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .p2align 4
    .local dk_host_start
dk_host_start:
    movq %r13, %rdi
    callq *%r12
    ud2
)");

extern "C" void switch_stack(void** from, void* to) asm("dk_host_switch");
extern "C" void start_fiber() asm("dk_host_start");

static void prepare_registers(Context& context, char* stack_low, std::size_t stack_bytes, void (*entry)(void*), void* argument)
{
    auto top = reinterpret_cast<void**>(stack_low + stack_bytes);
    *--top = nullptr;
    *--top = nullptr;  // keeps the stack 16-byte aligned where dk_host_start calls
    *--top = reinterpret_cast<void*>(start_fiber);
    *--top = nullptr;                         // rbp: ends a debugger's walk
    *--top = nullptr;                         // rbx
    *--top = reinterpret_cast<void*>(entry);  // r12
    *--top = argument;                        // r13
    *--top = nullptr;                         // r14
    *--top = nullptr;                         // r15
    context.stack_pointer = top;
}

static void switch_registers(Context& from, Context& to) { switch_stack(&from.stack_pointer, to.stack_pointer); }

#endif

void prepare(Context& context, char* stack_low, std::size_t stack_bytes, void (*entry)(void*), void* argument)
{
    context.stack_low = stack_low;
    context.stack_bytes = stack_bytes;
    context.fake_stack = nullptr;
    prepare_registers(context, stack_low, stack_bytes, entry, argument);
}

void switch_context(Context& from, Context& to, [[maybe_unused]] bool ends)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake_stack, to.stack_low, to.stack_bytes);
    switch_registers(from, to);
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#else
    switch_registers(from, to);
#endif
}

void arrived([[maybe_unused]] Context& self, [[maybe_unused]] Context& scheduler)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(self.fake_stack, &scheduler.stack_low, &scheduler.stack_bytes);
#endif
}

StackPool::StackPool(int count) : bytes_(static_cast<std::size_t>(count) * (stack_bytes + guard_bytes)), count_(count)
{
    void* range = mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) {
        throw std::bad_alloc();
    }

    base_ = static_cast<char*>(range);
    free_.reserve(static_cast<std::size_t>(count));
}

StackPool::~StackPool() { munmap(base_, bytes_); }

char* StackPool::take()
{
    if (!free_.empty()) {
        char* stack = free_.back();
        free_.pop_back();
        return stack;
    }

    if (opened_ == count_) {
        throw std::bad_alloc();
    }

    char* stack = base_ + static_cast<std::size_t>(opened_) * (stack_bytes + guard_bytes) + guard_bytes;
    if (mprotect(stack, stack_bytes, PROT_READ | PROT_WRITE) != 0) {
        throw std::bad_alloc();
    }

    opened_++;
    return stack;
}

void StackPool::give_back(char* stack) { free_.push_back(stack); }

void StackPool::give_back_all()
{
    free_.clear();
    for (int i = opened_; i-- > 0;) {
        char* stack = base_ + static_cast<std::size_t>(i) * (stack_bytes + guard_bytes) + guard_bytes;
#if defined(__SANITIZE_ADDRESS__)
        // Frames that were left in the middle keep their red zones.
        __asan_unpoison_memory_region(stack, stack_bytes);
#endif
        free_.push_back(stack);
    }
}

}  // namespace dk::host
