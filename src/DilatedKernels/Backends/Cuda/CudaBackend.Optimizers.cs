using System.Runtime.InteropServices;
using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    private readonly OptimizerTable _parameters = new();

    public override void SgdStep(ReadOnlySpan<OptimizerSlot> slots, float learningRate, float momentum, DeviceBuffer? loss)
    {
        using Lock.Scope gate = _gate.EnterScope();
        if (!TryPlan("sgd_f32", slots, out LaunchPlan plan, out KernelArguments arguments))
        {
            return;
        }

        arguments.Add(Step(learningRate, scalars => scalars.LearningRate, "a learning rate"));
        arguments.Add(momentum);
        arguments.Add(loss is null ? default : Pointer(loss));
        Launch(plan, arguments);
    }

    public override void AdamStep(
        ReadOnlySpan<OptimizerSlot> slots, float learningRate, float beta1, float beta2, float epsilon, long step, DeviceBuffer? loss)
    {
        using Lock.Scope gate = _gate.EnterScope();
        if (!TryPlan("adam_f32", slots, out LaunchPlan plan, out KernelArguments arguments))
        {
            return;
        }

        arguments.Add(Step(
            AdamRate(learningRate, beta1, step), scalars => AdamRate(scalars.LearningRate, beta1, scalars.OptimizerStep), "a learning rate or update number"));
        arguments.Add(beta1);
        arguments.Add(beta2);
        arguments.Add(epsilon);
        arguments.Add(Step(AdamRootScale(beta2, step), scalars => AdamRootScale(beta2, scalars.OptimizerStep), "an update number"));
        arguments.Add(loss is null ? default : Pointer(loss));
        Launch(plan, arguments);
    }

    private static double AdamRate(float learningRate, float beta1, long step) => learningRate / (1.0 - Math.Pow(beta1, step));

    private static float AdamRootScale(float beta2, long step) => (float)(1.0 / Math.Sqrt(1.0 - Math.Pow(beta2, step)));

    /// <summary>The launch over all parameters with elements, and its first two arguments; false when there are none.</summary>
    private bool TryPlan(string kernel, ReadOnlySpan<OptimizerSlot> slots, out LaunchPlan plan, out KernelArguments arguments)
    {
        arguments = new KernelArguments();
        var entries = new List<OptimizerEntry>(slots.Length);
        foreach (OptimizerSlot slot in slots)
        {
            if (slot.Count > 0)
            {
                entries.Add(new OptimizerEntry
                {
                    Value = Pointer(slot.Value),
                    Gradient = Pointer(slot.Gradient),
                    State1 = Pointer(slot.State1),
                    State2 = slot.State2 is null ? default : Pointer(slot.State2),
                    Count = slot.Count,
                    RateMultiplier = slot.LearningRateMultiplier,
                    Decay = slot.WeightDecay,
                });
            }
        }

        Span<OptimizerEntry> all = CollectionsMarshal.AsSpan(entries);
        plan = OptimizerPlan.Choose(kernel, all);
        if (all.IsEmpty)
        {
            return false;
        }

        arguments.Add(_parameters.Get(this, all));
        arguments.Add(all.Length);
        return true;
    }
}
