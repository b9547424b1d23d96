// Runs the kernel named by its argument on 64 numbers, as FaultTests does, and prints the status and the message.
#include <cstdint>
#include <cstdio>

#include "host/dilated_host.h"

int main(int count, char** arguments)
{
    constexpr int threads = 64;
    float input[threads];
    for (int i = 0; i < threads; i++) {
        input[i] = static_cast<float>(i + 1);
    }

    void *x, *y;
    int n = threads;
    if (count != 2 || dk_host_allocate(sizeof input, &x) != DK_HOST_OK || dk_host_allocate(sizeof input, &y) != DK_HOST_OK
        || dk_host_copy_to_device(x, input, sizeof input) != DK_HOST_OK) {
        return 2;
    }

    void* parameters[] = {&x, &y, &n};
    int status = dk_host_launch(dk_host_find_kernel(arguments[1]), 1, 1, 1, threads, 1, 1, 1, 1, 1, 0, parameters);
    std::printf("%d %s\n", status, dk_host_last_error());
    return 0;
}
