// Integer atomics. There are none for floating-point numbers: their order, and so their sum, would change from run to run.
#pragma once

namespace dk::host {

enum class AtomicOperation { Add, Max, Min, And, Or, Xor, Exchange, CompareExchange };

int atomic(AtomicOperation operation, int* address, int value, int expected);
unsigned atomic(AtomicOperation operation, unsigned* address, unsigned value, unsigned expected);
unsigned long long atomic(AtomicOperation operation, unsigned long long* address, unsigned long long value, unsigned long long expected);

}  // namespace dk::host

#define DK_HOST_ATOMIC(name, operation)                                                                 \
    inline int name(int* address, int value)                                                            \
    {                                                                                                   \
        return dk::host::atomic(dk::host::AtomicOperation::operation, address, value, 0);               \
    }                                                                                                   \
    inline unsigned name(unsigned* address, unsigned value)                                             \
    {                                                                                                   \
        return dk::host::atomic(dk::host::AtomicOperation::operation, address, value, 0u);              \
    }                                                                                                   \
    inline unsigned long long name(unsigned long long* address, unsigned long long value)               \
    {                                                                                                   \
        return dk::host::atomic(dk::host::AtomicOperation::operation, address, value, 0ull);            \
    }

DK_HOST_ATOMIC(atomicAdd, Add)
DK_HOST_ATOMIC(atomicMax, Max)
DK_HOST_ATOMIC(atomicMin, Min)
DK_HOST_ATOMIC(atomicAnd, And)
DK_HOST_ATOMIC(atomicOr, Or)
DK_HOST_ATOMIC(atomicXor, Xor)
DK_HOST_ATOMIC(atomicExch, Exchange)
#undef DK_HOST_ATOMIC

template <class T>
T atomicCAS(T* address, T expected, T value)
{
    return dk::host::atomic(dk::host::AtomicOperation::CompareExchange, address, value, expected);
}

float atomicAdd(float*, float) = delete;
double atomicAdd(double*, double) = delete;
