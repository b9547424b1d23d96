// adam_f32: g = dw + decay * w;  m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2;  w = w - rate * m / (sqrt(v) * root_scale + epsilon)
//           over all parameters in one launch (Kingma and Ba 2015, algorithm 1).
//
// rate is the launch's rate times the entry's multiplier. The host folds the bias corrections in: the launch's rate is divided by
// 1 - beta1^t, and root_scale is 1 / sqrt(1 - beta2^t). Where loss is given and is no finite number, nothing is done.
// Layout    a table of entries (parameters.cuh) with each parameter's arrays, contiguous float32 at multiples of 16 bytes; state1 is m,
//           state2 is v.
// Grid      one block of 256 threads for each 4096 elements of a parameter.
// Bytes     28 an element (w, dw, m, v read; w, m, v written): 2.4 M weights, 66 MB. Bound by memory, 128-bit accesses.
#include "../dk/cuda.cuh"
#include "parameters.cuh"

extern "C" __global__ void __launch_bounds__(dk::OptimizerThreads, 4) adam_f32(
    const dk::OptimizerEntry* entries, int entry_count, dk::StepValue<double> step_rate, float beta1, float beta2, float epsilon,
    dk::StepValue<float> step_root_scale, const float* loss)
{
    if (!dk::updates(loss)) {
        return;
    }

    double rate = step_rate.get();
    float root_scale = step_root_scale.get();
    dk::for_each_parameter(entries, entry_count, [=]<int Width>(const dk::OptimizerEntry& e, long long i) {
        float own_rate = static_cast<float>(rate * e.rate_multiplier);
        auto w = dk::load_floats<Width>(e.value + i), dw = dk::load_floats<Width>(e.gradient + i);
        auto m = dk::load_floats<Width>(e.state1 + i), v = dk::load_floats<Width>(e.state2 + i);
        for (int k = 0; k < Width; k++) {
            float g = fmaf(e.decay, w.at[k], dw.at[k]);
            m.at[k] = fmaf(beta1, m.at[k], g * (1.0f - beta1));
            v.at[k] = fmaf(beta2, v.at[k], g * g * (1.0f - beta2));
            // Not contracted: a product and then a quotient, as on the CPU.
            w.at[k] -= m.at[k] * own_rate / fmaf(sqrtf(v.at[k]), root_scale, epsilon);
        }

        dk::store_floats<Width>(e.state1 + i, m);
        dk::store_floats<Width>(e.state2 + i, v);
        dk::store_floats<Width>(e.value + i, w);
    });
}
DK_KERNEL(adam_f32);
