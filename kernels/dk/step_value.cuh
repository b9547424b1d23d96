// A kernel's argument that changes from one training step to the next: given with the launch, or read from memory where the launch is part
// of a recorded step, whose arguments stay as they were recorded.
#pragma once

#include "cuda.cuh"

namespace dk {

template <class T>
struct StepValue {
    T value;
    const T* place; // where the value is; null when it is `value`

    __device__ __forceinline__ T get() const { return place != nullptr ? *place : value; }
};

}  // namespace dk
