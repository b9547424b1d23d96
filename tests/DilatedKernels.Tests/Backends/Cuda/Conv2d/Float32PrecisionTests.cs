using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>How the CUDA backend multiplies float32, told by the error.</summary>
[NonParallelizable]
public sealed class Float32PrecisionTests
{
    /// <summary>What the backend's own choice gives: TF32 only where it was asked for and the device has it.</summary>
    [TestCase(Float32Precision.Strict, 90, 0, 1e-5)]
    [TestCase(Float32Precision.Tf32, 90, 1e-4, 1e-3)]
    [TestCase(Float32Precision.Tf32, 80, 1e-4, 1e-3)]
    [TestCase(Float32Precision.Tf32, 75, 0, 1e-5)]
    [TestCase(Float32Precision.Split, 80, 0, 1e-5)]
    public void BackendMultipliesAsAsked(Float32Precision precision, int architecture, double least, double most)
    {
        using CudaBackend backend = HostBackend.Open("plain", seed: 0, precision, architecture);
        var g = new Conv2dGeometry(1, 21, 9, 8, 33, 3, 3, 1, 1, 2, 2, 2, 2);
        var random = new RandomSequence(4, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] dy = Conv2dCases.Values(random, g.OutShape.Count);
        using DeviceBuffer xBuffer = HostBackend.Upload(backend, x);
        using DeviceBuffer weightBuffer = HostBackend.Upload(backend, weight);
        using DeviceBuffer dyBuffer = HostBackend.Upload(backend, dy);
        float[] y = HostBackend.Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, bias: null, relu: false, y));
        float[] dx = HostBackend.Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, mask: null, dx));
        float[] dw = HostBackend.Result(backend, g.WeightShape, dw => backend.Conv2dBackwardWeight(g, xBuffer, dyBuffer, dw));
        Assert.That(Conv2dReference.RelativeError(y, Conv2dReference.Forward(g, x, weight, bias: null, relu: false)), Is.InRange(least, most));
        Assert.That(Conv2dReference.RelativeError(dx, Conv2dReference.BackwardInput(g, dy, weight)), Is.InRange(least, most));
        Assert.That(Conv2dReference.RelativeError(dw, Conv2dReference.BackwardWeight(g, x, dy)), Is.InRange(least, most));
    }

    [Test]
    public void DeviceCheckKnowsTf32()
    {
        foreach (Float32Precision precision in Enum.GetValues<Float32Precision>())
        {
            using var device = new Device(HostBackend.Open("plain", seed: 0, precision));
            Assert.That(DeviceCheck.Run(device), Is.Null, precision.ToString());
        }
    }

    [Test]
    public void AnUndefinedChoiceIsRefused()
    {
        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => Device.CreateCuda(precision: (Float32Precision)7))!;
        Assert.That(e.Message, Does.Contain("Strict, Tf32, Split"));
    }
}
