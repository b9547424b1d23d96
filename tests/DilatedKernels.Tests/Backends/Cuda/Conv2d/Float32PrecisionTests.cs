using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>How the CUDA backend multiplies float32, told by the error.</summary>
[NonParallelizable]
internal sealed class Float32PrecisionTests
{
    /// <summary>What the backend's own choice gives: TF32 only where it was asked for and the device has it.</summary>
    [TestCase(Float32Precision.Strict, 90, 0, 1e-5)]
    [TestCase(Float32Precision.Tf32, 90, 1e-4, 1e-3)]
    [TestCase(Float32Precision.Tf32, 80, 1e-4, 1e-3)]
    [TestCase(Float32Precision.Tf32, 75, 0, 1e-5)]
    [TestCase(Float32Precision.Split, 80, 0, 1e-5)]
    [TestCase(Float32Precision.Split, 90, 0, 1e-5)]
    public void BackendMultipliesAsAsked(Float32Precision precision, int architecture, double least, double most)
    {
        using CudaBackend backend = HostBackend.Open("plain", seed: 0, precision, architecture);
        Assert.That(Errors(backend, new Conv2dGeometry(1, 21, 9, 8, 33, 3, 3, 1, 1, 2, 2, 2, 2)), Is.All.InRange(least, most));
    }

    /// <summary>For the kernels of sm_80 and every tile of Hopper's.</summary>
    internal static IEnumerable<Conv2dGeometry> LongReductions =>
    [
        new(1, 512, 12, 13, 16, 3, 3, 1, 1, 2, 2, 2, 2), new(1, 512, 12, 13, 72, 3, 3, 1, 1, 2, 2, 2, 2), new(1, 96, 12, 13, 130, 3, 3, 1, 1, 2, 2, 2, 2),
        new(1, 256, 12, 13, 256, 3, 3, 1, 1, 2, 2, 2, 2), new(1, 512, 40, 41, 1024, 1, 1, 1, 1, 1, 1, 0, 0), new(1, 512, 42, 42, 1100, 1, 1, 1, 1, 1, 1, 0, 0), new(8, 512, 66, 66, 512, 3, 3, 1, 1, 2, 2, 2, 2),
    ];

    /// <summary>On this machine's GPU, where nothing cuts off but the tensor cores themselves: long reductions, on the kernels for sm_80 and on Hopper's own where it is one.</summary>
    [Test]
    [Category("Gpu")]
    public void SplitIsAsExactAsMultiplyAddsOnAGpu()
    {
        using Device strict = Gpu.Open();
        using Device split = Device.CreateCuda(precision: Float32Precision.Split);
        var backend = (CudaBackend)split.Backend;
        foreach (Conv2dGeometry g in LongReductions)
        {
            double[] expected = Errors((CudaBackend)strict.Backend, g);
            foreach (Conv2dSharing sharing in (Conv2dSharing[])[Conv2dSharing.Never, Conv2dSharing.Always])
            {
                backend.Sharing = sharing;
                double[] errors = Errors(backend, g);
                TestContext.Out.WriteLine($"{g.InChannels} to {g.OutChannels}: {string.Join(' ', errors.Select(e => $"{e:E1}"))}; multiply-adds {string.Join(' ', expected.Select(e => $"{e:E1}"))}");
                Assert.That(errors.Zip(expected, (error, most) => error / most), Is.All.LessThanOrEqualTo(1), $"{g}, pairs {sharing}");
            }
        }
    }

    /// <summary>TF32 keeps what it states over long sums, and on Hopper weight gradients are closer.</summary>
    [Test]
    [Category("Gpu")]
    public void Tf32KeepsItsErrorOnAGpu()
    {
        Gpu.Open().Dispose();
        using var device = Device.CreateCuda(precision: Float32Precision.Tf32);
        var backend = (CudaBackend)device.Backend;
        foreach (Conv2dGeometry g in LongReductions)
        {
            double[] errors = Errors(backend, g);
            TestContext.Out.WriteLine($"{g.InChannels} to {g.OutChannels}: {string.Join(' ', errors.Select(e => $"{e:E1}"))}");
            Assert.That(errors, Is.All.LessThan(1e-3), g.ToString());
            if (Conv2dProduct.Tf32.OfWeightsOnDevice(g, backend.Context.Device.Architecture) == Conv2dProduct.Bf16x3)
            {
                Assert.That(errors[2], Is.LessThan(2e-4), g.ToString());
            }
        }
    }

    /// <summary>Split by parts of bfloat16 on Hopper and of TF32 elsewhere, TF32 on Hopper with weight gradients in two parts, and where it pays by pairs of blocks.</summary>
    [TestCase(Float32Precision.Tf32, 90, Conv2dSharing.Never, "conv2d_split2_f32", "conv2d_turn_f32", "conv2d_gather_tf32_sm90_128x24", "conv2d_wgrad_bf16x3_sm90_128x256")]
    [TestCase(Float32Precision.Tf32, 90, Conv2dSharing.Always, "conv2d_split2_f32", "conv2d_turn_f32", "conv2d_gather_tf32_sm90_pair_128x128", "conv2d_wgrad_bf16x3_sm90_pair_128x256")]
    [TestCase(Float32Precision.Tf32, 80, Conv2dSharing.Never, "conv2d_turn_f32", "conv2d_gather_tf32_sm80_128x64", "conv2d_wgrad_tf32_sm80_128x128")]
    [TestCase(Float32Precision.Split, 90, Conv2dSharing.Never, "conv2d_split3_f32", "conv2d_turn_split3_f32", "conv2d_gather_bf16x6_sm90_128x88", "conv2d_wgrad_bf16x6_sm90_128x128")]
    [TestCase(Float32Precision.Split, 90, Conv2dSharing.Always, "conv2d_split3_f32", "conv2d_turn_split3_f32", "conv2d_gather_bf16x6_sm90_pair_128x128", "conv2d_wgrad_bf16x6_sm90_pair_128x128")]
    [TestCase(Float32Precision.Split, 80, Conv2dSharing.Never, "conv2d_turn_f32", "conv2d_gather_tf32x3_sm80_128x64", "conv2d_wgrad_tf32x3_sm80_64x128")]
    public void TensorCoresRunTheDevicesOwnKernels(Float32Precision precision, int architecture, Conv2dSharing sharing, params string[] kernels)
    {
        var launched = new HashSet<string>();
        using CudaBackend backend = HostBackend.Open("plain", precision: precision, architecture: architecture, sharing: sharing, launched: launched);
        Errors(backend, new Conv2dGeometry(2, 128, 9, 8, 128, 3, 3, 1, 1, 2, 2, 2, 2));
        Assert.That(launched.Where(name => !name.EndsWith("_finish_sm90", StringComparison.Ordinal) && !name.EndsWith("_finish_f32", StringComparison.Ordinal)), Is.EquivalentTo(kernels));
    }

    // Kept, tied, above the tie, and up into the exponent.
    private static readonly uint[] s_roundings = [0x3F800FFF, 0x3F801000, 0x3F801001, 0xBF803000, 0x3FFFF000, 0x3F802000, 0xC0490FDB, 0x00802FFF];

    /// <summary>TF32 is rounded to nearest and not cut off, which the errors hardly tell: ties to even by Hopper's copy engine, away from zero by the kernels for sm_80.</summary>
    [TestCase(90)]
    [TestCase(80)]
    public void Tf32IsRounded(int architecture)
    {
        using CudaBackend backend = HostBackend.Open("plain", precision: Float32Precision.Tf32, architecture: architecture);
        Assert.That(RoundByConvolution(backend), Is.EqualTo(Rounded(architecture)));
    }

    [Test]
    [Category("Gpu")]
    public void Tf32IsRoundedOnAGpu()
    {
        Gpu.Open().Dispose();
        using var device = Device.CreateCuda(precision: Float32Precision.Tf32);
        var backend = (CudaBackend)device.Backend;
        Assume.That(backend.Context.Device.Architecture, Is.GreaterThanOrEqualTo(80), "older GPUs have no TF32");
        Assert.That(RoundByConvolution(backend), Is.EqualTo(Rounded(backend.Context.Device.Architecture)));
    }

    private static IEnumerable<uint> Rounded(int architecture) =>
        s_roundings.Select(bits => (bits + (architecture == 90 ? 0xFFF + ((bits >> 13) & 1) : 0x1000)) & 0xFFFFE000);

    // By a weight of one for each channel.
    private static IEnumerable<uint> RoundByConvolution(CudaBackend backend)
    {
        int channels = s_roundings.Length;
        var g = new Conv2dGeometry(1, channels, 1, 1, channels, 1, 1, 1, 1, 1, 1, 0, 0);
        float[] ones = new float[channels * channels];
        for (int c = 0; c < channels; c++)
        {
            ones[(c * channels) + c] = 1;
        }

        using DeviceBuffer x = HostBackend.Upload(backend, [.. s_roundings.Select(BitConverter.UInt32BitsToSingle)]);
        using DeviceBuffer weight = HostBackend.Upload(backend, ones);
        return HostBackend.Result(backend, g.OutShape, y => backend.Conv2dForward(g, x, weight, bias: null, relu: false, y)).Select(BitConverter.SingleToUInt32Bits);
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
    [Category("Gpu")]
    public void DeviceCheckKnowsTf32OnAGpu()
    {
        Gpu.Open().Dispose();
        foreach (Float32Precision precision in Enum.GetValues<Float32Precision>())
        {
            using var device = Device.CreateCuda(precision: precision);
            Assert.That(DeviceCheck.Run(device), Is.Null, precision.ToString());
        }
    }

    [Test]
    public void AnUndefinedChoiceIsRefused()
    {
        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => Device.CreateCuda(precision: (Float32Precision)7))!;
        Assert.That(e.Message, Does.Contain("Strict, Tf32, Split"));
    }

    // Of the forward pass and both gradients.
    private static double[] Errors(CudaBackend backend, Conv2dGeometry g)
    {
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
        return
        [
            Conv2dReference.RelativeError(y, Conv2dReference.Forward(g, x, weight, bias: null, relu: false)),
            Conv2dReference.RelativeError(dx, Conv2dReference.BackwardInput(g, dy, weight)),
            Conv2dReference.RelativeError(dw, Conv2dReference.BackwardWeight(g, x, dy)),
        ];
    }
}
