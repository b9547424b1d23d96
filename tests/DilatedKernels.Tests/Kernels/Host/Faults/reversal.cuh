// Every pair of kernels here reverses n numbers in one block of n threads, y(i) = x(n - 1 - i): NAME_faulty has one deliberate bug,
// NAME_correct is its twin without it.
#pragma once

#include "dk/cuda.cuh"

#define REVERSAL(name) extern "C" __global__ void name([[maybe_unused]] const float* x, [[maybe_unused]] float* y, [[maybe_unused]] int n)

constexpr int MaxThreads = 64;
