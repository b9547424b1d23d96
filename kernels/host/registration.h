// DK_KERNEL(name): makes a kernel known to the runtime by its name, with the sizes of its parameters taken from its type.
#pragma once

#include <cstddef>
#include <utility>

namespace dk::host {

struct Kernel {
    const char* name;
    void (*function)();
    // Calls function with *args[0], *args[1], ...
    void (*invoke)(void (*function)(), void* const* arguments);
    const std::size_t* parameter_bytes;
    std::size_t parameter_count;
    const Kernel* next;
};

// Adds a kernel, which must live as long as the library, to the list that find_kernel searches.
bool register_kernel(Kernel& kernel);

template <class... Parameters>
struct Signature {
    static constexpr std::size_t bytes[] = {sizeof(Parameters)..., 0};

    __attribute__((no_sanitize("thread", "undefined"), noinline)) static void invoke(void (*function)(), void* const* arguments)
    {
        call(reinterpret_cast<void (*)(Parameters...)>(function), arguments, std::index_sequence_for<Parameters...>{});
    }

private:
    template <std::size_t... I>
    __attribute__((no_sanitize("thread", "undefined"), noinline)) static void call(
        void (*function)(Parameters...), [[maybe_unused]] void* const* arguments, std::index_sequence<I...>)
    {
        function(read<Parameters>(arguments[I])...);
    }

    // An argument lies where the caller has it, aligned or not, as for cuLaunchKernel.
    template <class T>
    __attribute__((no_sanitize("thread", "undefined"))) static T read(const void* argument)
    {
        T value;
        __builtin_memcpy(&value, argument, sizeof value);
        return value;
    }
};

template <class... Parameters>
Kernel describe_kernel(const char* name, void (*function)(Parameters...))
{
    using S = Signature<Parameters...>;
    return {name, reinterpret_cast<void (*)()>(function), S::invoke, S::bytes, sizeof...(Parameters), nullptr};
}

}  // namespace dk::host

#define DK_KERNEL(kernel)                                                                          \
    static ::dk::host::Kernel kernel##_entry = ::dk::host::describe_kernel(#kernel, &kernel);      \
    [[maybe_unused]] static const bool kernel##_registered = ::dk::host::register_kernel(kernel##_entry)
