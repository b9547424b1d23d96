// sgd_f32: g = dw + decay * w;  v = momentum * v + rate * g;  w = w - v, over all parameters in one launch (Caffe's form).
//
// rate is the launch's rate times the entry's multiplier. Where loss is given and is no finite number, nothing is done.
// Layout    a table of entries (parameters.cuh) with each parameter's arrays, contiguous float32 at multiples of 16 bytes; state1 is v.
// Grid      one block of 256 threads for each 4096 elements of a parameter.
// Bytes     20 an element (w, dw, v read; w, v written): 2.4 M weights, 47 MB. Bound by memory, 128-bit accesses.
#include "../dk/cuda.cuh"
#include "parameters.cuh"

extern "C" __global__ void __launch_bounds__(dk::OptimizerThreads, 4) sgd_f32(
    const dk::OptimizerEntry* entries, int entry_count, dk::StepValue<float> step_rate, float momentum, const float* loss)
{
    if (!dk::updates(loss)) {
        return;
    }

    float rate = step_rate.get();
    dk::for_each_parameter(entries, entry_count, [=]<int Width>(const dk::OptimizerEntry& e, long long i) {
        float own_rate = rate * e.rate_multiplier;
        auto w = dk::load_floats<Width>(e.value + i), dw = dk::load_floats<Width>(e.gradient + i), v = dk::load_floats<Width>(e.state1 + i);
        for (int k = 0; k < Width; k++) {
            float g = fmaf(e.decay, w.at[k], dw.at[k]);
            v.at[k] = fmaf(momentum, v.at[k], g * own_rate);
            w.at[k] -= v.at[k];
        }

        dk::store_floats<Width>(e.state1 + i, v);
        dk::store_floats<Width>(e.value + i, w);
    });
}
DK_KERNEL(sgd_f32);
