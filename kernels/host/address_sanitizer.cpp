// AddressSanitizer's reports as faults of the running launch. The kernel goes on after one (-fsanitize-recover), with wrong data.
#include "block.h"

#if defined(__SANITIZE_ADDRESS__)

#include <sanitizer/asan_interface.h>

namespace dk::host {

namespace {

// The line of a report that begins with the word, without what comes before it.
std::string line_with(const std::string& report, const char* word)
{
    std::size_t from = report.find(word);
    return from == std::string::npos ? "" : report.substr(from, report.find('\n', from) - from);
}

void receive(const char* text)
{
    if (!current_thread) {
        return;
    }

    std::string report = text, frame = line_with(report, "#0");
    std::size_t file = frame.rfind('/');
    current_runner->note(DK_HOST_OUT_OF_BOUNDS, line_with(report, "AddressSanitizer:") + " at " + (file == std::string::npos ? frame : frame.substr(file + 1)));
}

const bool receiving = (__asan_set_error_report_callback(receive), true);

}  // namespace

}  // namespace dk::host

#endif
