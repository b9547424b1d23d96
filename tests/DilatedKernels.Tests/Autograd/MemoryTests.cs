using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Autograd;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class MemoryTests(Device device)
{
    [Test]
    public void AThousandStepsHoldNoMoreThanTen()
    {
        using var network = new SmallNetwork(device, 5, 6);
        using var optimizer = new Adam([network.Scores, network.Context]);
        MemoryStatistics afterTen = default;
        float first = float.NaN;
        float last = float.NaN;
        for (ulong step = 1; step <= 1000; step++)
        {
            last = network.Train(optimizer, step);
            if (step == 1)
            {
                first = last;
            }
            else if (step == 10)
            {
                afterTen = device.Memory;
            }
        }

        Assert.That(device.Memory, Is.EqualTo(afterTen));
        Assert.That(last, Is.LessThan(first).And.Positive, "the steps did train");
    }
}
