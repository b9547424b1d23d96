// The calls that -fsanitize=undefined puts into kernels, answered here instead of by libubsan: a finding ends the launch instead of the
// process. All builds of the library compile kernels with some of its checks.
#include "block.h"

#if !defined(__SANITIZE_ADDRESS__)

using dk::host::current_runner;
using dk::host::current_thread;

#define DK_ENTRY extern "C" __attribute__((visibility("hidden")))

namespace {

// The start of every record that UBSan's checks pass.
struct Place {
    const char* file;
    std::uint32_t line;
    std::uint32_t column;
};

struct TypeMismatch {
    Place place;
    const void* type;
    unsigned char alignment_log2;
    unsigned char kind;
};

void report(dk_host_status status, const Place& place, const std::string& what)
{
    const char* slash = __builtin_strrchr(place.file, '/');
    std::string text = dk::host::format("%s:%u: %s", slash ? slash + 1 : place.file, place.line, what.c_str());
    if (current_thread) {
        current_runner->fault(status, text);
    }
}

void report_mismatch(const TypeMismatch& mismatch, std::uintptr_t address)
{
    std::uintptr_t alignment = std::uintptr_t{1} << mismatch.alignment_log2;
    if (address == 0) {
        report(DK_HOST_UNDEFINED_BEHAVIOUR, mismatch.place, "uses a null pointer");
    } else if (address % alignment != 0) {
        report(DK_HOST_MISALIGNED, mismatch.place, dk::host::format("access to an address that must be a multiple of %zu and is %zu past one",
            static_cast<std::size_t>(alignment), static_cast<std::size_t>(address % alignment)));
    } else {
        report(DK_HOST_UNDEFINED_BEHAVIOUR, mismatch.place, "uses an object beyond its end");
    }
}

}  // namespace

DK_ENTRY void __ubsan_handle_type_mismatch_v1(TypeMismatch* data, std::uintptr_t address) { report_mismatch(*data, address); }

#define DK_UNDEFINED(name, what) \
    DK_ENTRY void __ubsan_handle_##name(Place* place) { report(DK_HOST_UNDEFINED_BEHAVIOUR, *place, what); }

DK_UNDEFINED(add_overflow, "signed addition overflows")
DK_UNDEFINED(sub_overflow, "signed subtraction overflows")
DK_UNDEFINED(mul_overflow, "signed multiplication overflows")
DK_UNDEFINED(negate_overflow, "negation overflows")
DK_UNDEFINED(divrem_overflow, "division by zero, or a quotient that overflows")
DK_UNDEFINED(shift_out_of_bounds, "shift by a negative number or by the width of the type or more")
DK_UNDEFINED(load_invalid_value, "a bool or enumeration with a value it cannot have")
DK_UNDEFINED(pointer_overflow, "pointer arithmetic overflows")
DK_UNDEFINED(float_cast_overflow, "a floating-point value that its integer type cannot hold")
DK_UNDEFINED(vla_bound_not_positive, "an array of no elements")
DK_UNDEFINED(nonnull_arg, "a null argument where none may be")
DK_UNDEFINED(builtin_unreachable, "reaches code that was declared unreachable")
DK_UNDEFINED(missing_return, "the end of a function that should return a value")
DK_UNDEFINED(invalid_builtin, "a bit count of zero")

DK_ENTRY void __ubsan_handle_nonnull_return_v1(void*, Place* place) { report(DK_HOST_UNDEFINED_BEHAVIOUR, *place, "returns null where none may be"); }

DK_ENTRY void __ubsan_handle_out_of_bounds(Place* place, std::uintptr_t index)
{
    report(DK_HOST_OUT_OF_BOUNDS, *place, dk::host::format("array index %td is out of bounds", static_cast<std::ptrdiff_t>(index)));
}

#endif
