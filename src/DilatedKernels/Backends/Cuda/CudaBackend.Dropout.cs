using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void Dropout(DeviceBuffer x, DeviceBuffer y, long count, float rate, in RandomKey key)
    {
        if (count == 0)
        {
            return;
        }

        Recording?.Expect(key.Seed, scalars => scalars.Seed, "a random seed");
        ulong part = Recording?.PartOf(key.Step) ?? 0;
        var arguments = new KernelArguments();
        arguments.Add(Pointer(x));
        arguments.Add(Pointer(y));
        arguments.Add(count);
        arguments.Add(DropoutThreshold(rate));
        arguments.Add(1f / (1f - rate));
        arguments.Add(key.Seed);
        arguments.Add(Step(key.Step, scalars => unchecked(scalars.RandomStep + part), "a random step"));
        arguments.Add(key.Layer);
        Launch(ElementwisePlan.Choose(Named(y, "dropout_f32", "dropout_bf16"), count), arguments);
    }
}
