using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Optim;

/// <summary>A device of the real kernels on the processor, and steps of a small network on it.</summary>
public abstract class RecordedStepFixture
{
    private protected HostDriver Driver { get; private set; } = null!;

    private protected Device Device { get; set; } = null!;

    [SetUp]
    public void Open()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        Driver = driver!;
        Device = HostDevice.Open(Driver);
    }

    [TearDown]
    public void Close()
    {
        Device?.Dispose();
        Driver?.SetSeed(0);
    }

    private protected static float Run(RecordedStep step, ulong i) => step.Run(i, StepNetwork.Input(i), StepNetwork.Labels(i), StepNetwork.Rate(i));

    private protected uint[] Train(bool adam, int steps, bool record, Action<StepNetwork>? between = null)
    {
        using var net = new StepNetwork(Device, adam);
        using RecordedStep step = net.Step(record);
        var values = new List<float>();
        for (ulong i = 0; i < (ulong)steps; i++)
        {
            values.Add(Run(step, i));
            if (i == 3)
            {
                between?.Invoke(net);
            }
        }

        Assert.That(step.IsRecorded, Is.EqualTo(record && step.Recorder is not null), step.WhyNotRecorded);
        values.AddRange(net.Everything().SelectMany(v => v));
        return [.. values.Select(BitConverter.SingleToUInt32Bits)];
    }
}
