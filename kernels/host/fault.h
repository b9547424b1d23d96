// A fault found in a kernel or a call, and the words for it.
#pragma once

#include <cstdarg>
#include <source_location>
#include <string>

#include "dilated_host.h"
#include "vector_types.h"

namespace dk::host {

struct Fault {
    dk_host_status status = DK_HOST_OK;
    std::string text;
};

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...);

std::string describe(uint3 position);

// "file.cu:12", without the folders.
std::string describe(const std::source_location& where);

// The source line of an instruction, from the debug information; the function's name where there is none.
std::string describe_code(const void* return_address);

// Remembers the calling thread's last failure and returns its status.
int fail(dk_host_status status, std::string text);
const char* last_error();
void clear_error();

}  // namespace dk::host
