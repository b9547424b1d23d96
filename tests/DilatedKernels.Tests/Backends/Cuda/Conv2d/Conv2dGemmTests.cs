using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Wide 1×1 convolutions through the vendor's matrix product, which the host driver stands in for.</summary>
[NonParallelizable]
public sealed class Conv2dGemmTests
{
    private static readonly Conv2dGeometry s_wide = new(2, 256, 3, 5, 272, 1, 1, 1, 1, 1, 1, 0, 0);

    [Test]
    public void ServesWideConvolutionsOfOneTap()
    {
        Assert.That(Conv2dGemm.Suits(s_wide, ElementType.Float32), Is.True);
        Assert.That(Conv2dGemm.Suits(s_wide, ElementType.BFloat16), Is.False, "its weights are float32");
        Assert.That(Conv2dGemm.Suits(s_wide with { DilationH = 4, DilationW = 4 }, ElementType.Float32), Is.True, "one tap has nothing to be dilated");
        Conv2dGeometry[] others =
        [
            s_wide with { KernelHeight = 3 }, s_wide with { StrideW = 2 }, s_wide with { PadH = 1 },
            s_wide with { InChannels = 255 }, s_wide with { OutChannels = 21 }, s_wide with { Batch = 0 }, s_wide with { Batch = 1 << 28 },
        ];
        foreach (Conv2dGeometry other in others)
        {
            Assert.That(Conv2dGemm.Suits(other, ElementType.Float32), Is.False, other.ToString());
        }
    }

    [Test]
    public void ItsProductsAreThoseOfTheThreePasses()
    {
        var (x, w, y) = (new DevicePointer(16), new DevicePointer(32), new DevicePointer(48));
        Assert.That(Conv2dGemm.Forward(s_wide, x, w, y), Is.EqualTo(new GemmProblem(30, 272, 256, x, w, y, GemmType.Float32) { TransposeB = true }));
        Assert.That(Conv2dGemm.BackwardInput(s_wide, y, w, x), Is.EqualTo(new GemmProblem(30, 256, 272, y, w, x, GemmType.Float32)));
        Assert.That(Conv2dGemm.BackwardWeight(s_wide, x, y, w), Is.EqualTo(new GemmProblem(272, 256, 30, y, x, w, GemmType.Float32) { TransposeA = true }));
    }

    [Test]
    public void AgreesWithDefinition([Values] bool bias, [Values] bool relu)
    {
        using CudaBackend backend = Open(hasGemm: true);
        Assert.That(Check(backend, bias, relu), Is.True, "the products went through the library");
        Assert.That(backend.WhyNoGemm, Is.Null);
    }

    [Test]
    public void WithoutTheLibraryTheKernelsServe()
    {
        using CudaBackend backend = Open(hasGemm: false);
        Assert.That(Check(backend, bias: true, relu: true), Is.False);
        Assert.That(backend.WhyNoGemm, Does.Contain("without a matrix product"));
    }

    private static CudaBackend Open(bool hasGemm)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        driver!.HasGemm = hasGemm;
        return new CudaBackend(driver.Open(0), new CountingImages());
    }

    /// <summary>Runs and compares the passes; returns whether they did without a convolution kernel.</summary>
    private static bool Check(CudaBackend backend, bool bias, bool relu)
    {
        CountingImages.Convolutions = 0;
        Conv2dGeometry g = s_wide;
        var random = new RandomSequence(1, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] b = Conv2dCases.Values(random, g.OutChannels);
        float[] dy = Conv2dCases.Values(random, g.OutShape.Count);
        using DeviceBuffer xBuffer = HostBackend.Upload(backend, x);
        using DeviceBuffer weightBuffer = HostBackend.Upload(backend, weight);
        using DeviceBuffer? biasBuffer = bias ? HostBackend.Upload(backend, b) : null;
        using DeviceBuffer dyBuffer = HostBackend.Upload(backend, dy);
        float[] mask = Conv2dCases.Mask(random, g.InShape.Count);
        using DeviceBuffer maskBuffer = HostBackend.Upload(backend, mask);

        float[] y = HostBackend.Result(backend, g.OutShape, y => backend.Conv2dForward(g, xBuffer, weightBuffer, biasBuffer, relu, y));
        float[] dx = HostBackend.Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, mask: null, dx));
        float[] masked = HostBackend.Result(backend, g.InShape, dx => backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, maskBuffer, dx));
        float[] dw = HostBackend.Result(backend, g.WeightShape, dw => backend.Conv2dBackwardWeight(g, xBuffer, dyBuffer, dw));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Conv2dReference.RelativeError(y, Conv2dReference.Forward(g, x, weight, bias ? b : new float[b.Length], relu)), Is.LessThan(1e-5), "forward");
            Assert.That(Conv2dReference.RelativeError(dx, Conv2dReference.BackwardInput(g, dy, weight)), Is.LessThan(1e-5), "data gradient");
            Assert.That(masked, Is.EqualTo(dx.Zip(mask, (value, gate) => gate > 0 ? value : 0)), "masked data gradient");
            Assert.That(Conv2dReference.RelativeError(dw, Conv2dReference.BackwardWeight(g, x, dy)), Is.LessThan(1e-5), "weight gradient");
        }

        return CountingImages.Convolutions == 0;
    }

    private sealed class CountingImages : IKernelImages
    {
        public static int Convolutions { get; set; }

        public string? FindModule(string kernel)
        {
            Convolutions += kernel.StartsWith("conv2d", StringComparison.Ordinal) ? 1 : 0;
            return "host";
        }

        public ReadOnlySpan<byte> ReadModule(string module) => "host"u8;
    }
}
