// What differs between the library's builds:
//   plain    nothing is watched; guard bytes and NaNs tell
//   checked  DK_HOST_CHECKED: kernels call the runtime at every access (instrumentation.cpp)
//   address  AddressSanitizer watches; it must know which bytes are out of bounds
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace dk::host::sanitizer {

#if defined(DK_HOST_CHECKED)
inline constexpr bool watching = true;
inline constexpr const char* build = "checked";
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr bool watching = false;
inline constexpr const char* build = "address";
#else
inline constexpr bool watching = false;
inline constexpr const char* build = "plain";
#endif

inline void forbid([[maybe_unused]] const void* from, [[maybe_unused]] std::size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(from, bytes);
#endif
}

inline void allow([[maybe_unused]] const void* from, [[maybe_unused]] std::size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(from, bytes);
#endif
}

// Lets the runtime itself look at forbidden bytes for a while.
class Allowed {
public:
    Allowed(const void* from, std::size_t bytes) : from_(from), bytes_(bytes) { allow(from, bytes); }
    ~Allowed() { forbid(from_, bytes_); }
    Allowed(const Allowed&) = delete;
    Allowed& operator=(const Allowed&) = delete;

private:
    const void* from_;
    std::size_t bytes_;
};

}  // namespace dk::host::sanitizer
