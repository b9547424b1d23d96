#include "fault.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

namespace dk::host {

namespace {

thread_local std::string error_text;

std::string base_name(const char* path)
{
    const char* slash = std::strrchr(path, '/');
    return slash ? slash + 1 : path;
}

}  // namespace

std::string format(const char* pattern, ...)
{
    va_list arguments;
    va_start(arguments, pattern);
    char* text = nullptr;
    int length = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    std::string result = length < 0 ? std::string(pattern) : std::string(text, static_cast<std::size_t>(length));
    if (length >= 0) {
        std::free(text);
    }

    return result;
}

std::string describe(uint3 position) { return format("(%u,%u,%u)", position.x, position.y, position.z); }

std::string describe(const std::source_location& where)
{
    return base_name(where.file_name()) + ":" + std::to_string(where.line());
}

std::string describe_code(const void* return_address)
{
    Dl_info info{};
    if (!dladdr(return_address, &info) || !info.dli_fname || std::strchr(info.dli_fname, '\'')) {
        return "unknown code";
    }

    // One byte back lies inside the call.
    auto offset = static_cast<const char*>(return_address) - static_cast<const char*>(info.dli_fbase) - 1;
    std::string command = format("addr2line -i -e '%s' 0x%tx 2>/dev/null", info.dli_fname, offset);
    std::string inner, outer;
    if (FILE* pipe = popen(command.c_str(), "r")) {
        // Innermost first. Frames in the runtime's own headers (an intrinsic's body) say less than their caller.
        char buffer[4096];
        while (std::fgets(buffer, sizeof buffer, pipe)) {
            std::string frame(buffer, std::strcspn(buffer, "\n"));
            frame = frame.substr(0, frame.find(" (discriminator"));
            if (frame.starts_with("??") || frame.find("kernels/host/") != std::string::npos || frame.find("kernels/ptx/") != std::string::npos) {
                continue;
            }

            outer = base_name(frame.c_str());
            inner = inner.empty() ? outer : inner;
        }

        pclose(pipe);
    }

    if (inner.empty()) {
        return info.dli_sname ? info.dli_sname : base_name(info.dli_fname);
    }

    // A helper in a header of its own means little without the kernel that used it.
    bool same_file = inner.substr(0, inner.find(':')) == outer.substr(0, outer.find(':'));
    return same_file ? inner : inner + " (from " + outer + ")";
}

int fail(dk_host_status status, std::string text)
{
    error_text = std::move(text);
    return status;
}

const char* last_error() { return error_text.c_str(); }

void clear_error() { error_text.clear(); }

}  // namespace dk::host
