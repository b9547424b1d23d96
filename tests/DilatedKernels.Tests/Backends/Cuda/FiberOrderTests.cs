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
    public void EveryOrderGivesTheSameBits()
    {
        HostDriver driver = Open("plain");
        uint[] ascending = Train(driver, 0, Height, Width);
        Assert.That(Train(driver, 1, Height, Width), Is.EqualTo(ascending), "descending");
        Assert.That(Train(driver, 7, Height, Width), Is.EqualTo(ascending), "random");
    }

    [Test]
    public void AgreesWithTheProcessor()
    {
        float[] host = [.. Train(Open("plain"), 0, Height, Width).Select(BitConverter.UInt32BitsToSingle)];
        double[] cpu = [.. TrainOn(TestDevices.Cpu(2), Height, Width).Select(bits => (double)BitConverter.UInt32BitsToSingle(bits))];
        Assert.That(OperatorCheck.RelativeError(host, cpu), Is.LessThan(OperatorCheck.Tolerance));
    }

    [Test]
    public void TheWatchedBuildFindsNoFault()
    {
        HostDriver driver = Open("checked");
        Assert.That(() => Train(driver, 3, 7, 9), Throws.Nothing);
    }

    private static HostDriver Open(string build)
    {
        HostDriver? driver = HostDriver.TryOpen(build, out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        return driver!;
    }

    private static uint[] Train(HostDriver driver, long seed, int height, int width)
    {
        driver.SetSeed(seed);
        try
        {
            return TrainOn(HostDevice.Open(driver), height, width);
        }
        finally
        {
            driver.SetSeed(0);
        }
    }

    /// <summary>Losses, gradient norms and parameters of three steps, as bits; the device is disposed.</summary>
    internal static uint[] TrainOn(Device device, int height, int width)
    {
        using (device)
        {
            using var network = new SmallNetwork(device, height, width);
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
