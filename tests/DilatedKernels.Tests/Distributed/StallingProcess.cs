using System.Diagnostics;
using DilatedKernels.Distributed;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Distributed;

/// <summary>What a process of a job does that goes on for long, or only seems to.</summary>
internal static class StallingProcess
{
    // Longer than the tests allow for without a sign.
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(8);

    /// <summary>Does it; false where it is nothing of this kind.</summary>
    public static bool TryAct(ProcessGroup group, string action, bool isTheOne)
    {
        switch (action)
        {
            case "computes-for-long":
                After(group, isTheOne, () => Compute(Long));
                return true;
            case "writes-for-long":
                After(group, isTheOne, () =>
                {
                    using IDisposable suspension = Watchdog.Suspend();
                    Thread.Sleep(Long);
                });
                return true;
            case "computes-then-hangs":
                After(group, isTheOne, () =>
                {
                    Compute(Long);
                    Thread.Sleep(Timeout.Infinite);
                });
                return true;
            case "hangs-in-a-step":
                Train(group, part =>
                {
                    if (isTheOne && part >= 6)
                    {
                        Thread.Sleep(Timeout.Infinite);
                    }
                });
                return true;
            case "loops-in-a-step":
                Train(group, part =>
                {
                    while (isTheOne && part >= 6)
                    {
                        Thread.SpinWait(1000);
                    }
                });
                return true;
            case "hangs-at-its-work":
                group.Distribute(
                    int.MaxValue,
                    piece =>
                    {
                        Compute(TimeSpan.FromMilliseconds(50));
                        if (isTheOne)
                        {
                            Thread.Sleep(Timeout.Infinite);
                        }

                        return [];
                    },
                    (_, _) => { });
                return true;
            default:
                return false;
        }
    }

    private static void After(ProcessGroup group, bool isTheOne, Action action)
    {
        if (isTheOne)
        {
            action();
        }

        group.Barrier();
    }

    private static void Compute(TimeSpan time)
    {
        using Tensor x = Tensor.Zeros(Device.Cpu, new Shape(1, 1, 20, 20));
        for (long begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < time;)
        {
            using Tensor y = Ops.Relu(x);
        }
    }

    private static void Train(ProcessGroup group, Action<ulong> inPart)
    {
        using var net = new StepNetwork(Device.Cpu, adam: false);
        using var step = new RecordedStep(
            StepNetwork.InputShape with { N = group.Size },
            StepNetwork.LabelSize,
            net.Optimizer,
            (x, labels, context) =>
            {
                // Counted over all steps and processes.
                inPart(context.Step);
                return net.Loss(x, labels, context);
            },
            StepNetwork.Seed,
            parts: group.Size,
            group);
        for (ulong i = 0; i < 6; i++)
        {
            step.Run(i, StepNetwork.Input(i, 1), StepNetwork.Labels(i, 1), StepNetwork.Rate(i));
        }
    }
}
