using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>Training steps on the host driver, whose threads and blocks run in the order that a seed names: an order that shows is a race.</summary>
[NonParallelizable]
public class FiberOrderTests
{
    // Several blocks of every kernel, and quads with a tail.
    private const int Height = 21;
    private const int Width = 27;

    [Test]
    public void EveryOrderGivesTheSameBits([Values] ElementType type)
    {
        HostDriver driver = Open("plain");
        uint[] ascending = Train(driver, 0, Height, Width, type);
        Assert.That(Train(driver, 1, Height, Width, type), Is.EqualTo(ascending), "descending");
        Assert.That(Train(driver, 7, Height, Width, type), Is.EqualTo(ascending), "random");
    }

    [TestCase(ElementType.Float32, OperatorCheck.Tolerance)]
    [TestCase(ElementType.BFloat16, OperatorCheck.BFloat16Tolerance)]
    public void AgreesWithTheProcessor(ElementType type, double tolerance)
    {
        float[] host = [.. Train(Open("plain"), 0, Height, Width, type).Select(BitConverter.UInt32BitsToSingle)];
        double[] cpu = [.. TrainOn(TestDevices.Cpu(2), Height, Width, type).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(host, cpu), Is.LessThan(tolerance));
    }

    [Test]
    public void TheWatchedBuildFindsNoFault([Values] ElementType type)
    {
        HostDriver driver = Open("checked");
        Assert.That(() => Train(driver, 3, 7, 9, type), Throws.Nothing);
    }

    private static HostDriver Open(string build)
    {
        HostDriver? driver = HostDriver.TryOpen(build, out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        return driver!;
    }

    private static uint[] Train(HostDriver driver, long seed, int height, int width, ElementType type)
    {
        driver.SetSeed(seed);
        try
        {
            return TrainOn(HostDevice.Open(driver), height, width, type);
        }
        finally
        {
            driver.SetSeed(0);
        }
    }

    /// <summary>Losses, gradient norms and parameters of three steps, as bits; the device is disposed.</summary>
    internal static uint[] TrainOn(Device device, int height, int width, ElementType type)
    {
        using (device)
        {
            using var network = new SmallNetwork(device, height, width, type);
            using var adam = new Adam([network.Scores]);
            using var sgd = new Sgd([network.Scores, network.Context], weightDecay: 1e-3f);
            var values = new List<float>();
            for (ulong step = 1; step <= 3; step++)
            {
                using Tape tape = Tape.Record();
                Tensor loss = network.Loss(step);
                tape.Backward(loss);
                values.Add(loss.Item());
                values.Add(sgd.GradientNorm());
                adam.Step(0.01f);
                sgd.Step(0.5f);
                sgd.ClearGradients();
            }

            values.AddRange(network.Scores.Value.ToArray());
            values.AddRange(network.Context.Value.ToArray());
            return [.. values.Select(BitConverter.SingleToUInt32Bits)];
        }
    }
}
