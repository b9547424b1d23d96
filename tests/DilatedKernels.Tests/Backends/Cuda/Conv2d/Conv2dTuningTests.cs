using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>What is measured of convolutions' tiles is kept, is taken again, and changes no bit.</summary>
[NonParallelizable]
internal sealed class Conv2dTuningTests
{
    private static readonly Conv2dGatherWay[] s_ways = [.. new[] { "wide", "narrow", "pair" }.Select((name, i) => new Conv2dGatherWay(new LaunchPlan(name, new Dim3(1), new Dim3(1)), i))];

    private string _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory().FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void TheFastestIsTakenAndMeasuredOnce()
    {
        var timed = new List<string>();
        Conv2dTuning tuning = Open();
        Assert.That(tuning.Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"));
        Assert.That(timed, Is.EqualTo(new[] { "wide", "narrow", "pair", "wide", "narrow", "pair" }), "in turns");
        Assert.That(tuning.Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"));
        Assert.That(Open().Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"), "by another program");
        Assert.That(timed, Has.Count.EqualTo(6));
        Assert.That(Open().Choose("b", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"), "another shape");
        Assert.That(timed, Has.Count.EqualTo(12));
        Assert.That(new Conv2dTuning(_folder, "NVIDIA H100").Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"), "another GPU");
        Assert.That(timed, Has.Count.EqualTo(18));

        double Time(Conv2dGatherWay way)
        {
            timed.Add(way.Plan.Kernel);
            return way.Plan.Kernel == "narrow" ? 0.5 : 1;
        }
    }

    [TestCase(1, 0.98, ExpectedResult = "wide", Description = "by chance")]
    [TestCase(1, 0.96, ExpectedResult = "narrow")]
    [TestCase(double.PositiveInfinity, 1, ExpectedResult = "narrow", Description = "the driver refuses the plan's choice")]
    [TestCase(double.PositiveInfinity, double.PositiveInfinity, ExpectedResult = "wide", Description = "and every other: the convolution says why")]
    public string ThePlansChoiceStaysUnlessItIsSlower(double wide, double narrow) =>
        Open().Choose("a", s_ways[..2], way => way.Columns == 0 ? wide : narrow).Plan.Kernel;

    /// <summary>While a step is recorded nothing can be timed: the plan's choice, and no note of it.</summary>
    [Test]
    public void WithoutAClockThePlanChooses()
    {
        Conv2dTuning tuning = Open();
        Assert.That(tuning.Choose("a", s_ways, time: null).Plan.Kernel, Is.EqualTo("wide"));
        Assert.That(tuning.Choose("a", s_ways, way => way.Columns == 2 ? 1 : 2).Plan.Kernel, Is.EqualTo("pair"));
        Assert.That(tuning.Choose("a", s_ways, time: null).Plan.Kernel, Is.EqualTo("pair"));
        Assert.That(tuning.Choose("a", s_ways[..2], time: null).Plan.Kernel, Is.EqualTo("wide"), "pairs are not wanted any more");
    }

    [Test]
    public void ALineThatWasCutOffIsMeasuredAgain()
    {
        Open().Choose("a", s_ways, way => way.Columns + 1);
        string file = Directory.EnumerateFiles(_folder).Single();
        Assert.That(Path.GetFileName(file), Does.StartWith("convolutions-nvidia-h200-").And.EndsWith(".tsv"));
        string line = File.ReadAllText(file);
        Assert.That(line, Is.EqualTo("a\twide\twide=1 narrow=2 pair=3\n"));
        File.WriteAllText(file, line[..4]);
        Assert.That(Open().Choose("a", s_ways, way => 3 - way.Columns).Plan.Kernel, Is.EqualTo("pair"));
    }

    /// <summary>Processes of a group tune the same shapes at the same moment.</summary>
    [Test]
    public void ManyWriteToOneFile()
    {
        Parallel.For(0, 40, i => Open().Choose($"shape {i}", s_ways, way => 3 - way.Columns));
        string[] lines = File.ReadAllLines(Directory.EnumerateFiles(_folder).Single());
        Assert.That(lines, Is.EquivalentTo(Enumerable.Range(0, 40).Select(i => $"shape {i}\tpair\twide=3 narrow=2 pair=1")));
    }

    [Test]
    public void AFolderThatIsNoneIsRefused()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        CudaUnavailableException e = Assert.Throws<CudaUnavailableException>(() => _ = new Conv2dTuning(file, "NVIDIA H200"))!;
        Assert.That(e.Message, Does.StartWith($"DILATEDKERNELS_CONV_TUNING is a folder for files of what is measured of convolutions; '{file}' cannot be used: "));
    }

    /// <summary>Every way gives the bits of every other, so that whichever turns out the fastest is right: the forward pass, and a data gradient in phases with a mask.</summary>
    [TestCase(Conv2dProduct.Bf16, 90)]
    [TestCase(Conv2dProduct.Bf16, 80)]
    [TestCase(Conv2dProduct.Tf32, 90)]
    [TestCase(Conv2dProduct.Tf32, 80)]
    [TestCase(Conv2dProduct.Tf32x3, 90)]
    [TestCase(Conv2dProduct.Tf32x3, 80)]
    public void EveryWayGivesTheSameBits(Conv2dProduct product, int architecture)
    {
        // 300 channels have every width.
        var g = new Conv2dGeometry(1, 300, 7, 6, 300, 2, 2, 2, 1, 2, 2, 1, 1);
        var launched = new HashSet<string>();
        using CudaBackend backend = HostBackend.Open("plain", architecture: architecture, launched: launched);
        float[] chosen = Run(backend, product, g);
        int count = EveryWay(backend, () => Assert.That(Run(backend, product, g), Is.EqualTo(chosen)));
        Assert.That(count, Is.GreaterThanOrEqualTo(2));
        // A phase without taps takes those for sm_80.
        Assert.That(launched.Count(name => name.StartsWith("conv2d_gather_", StringComparison.Ordinal) && name.Contains($"_sm{architecture}_", StringComparison.Ordinal)), Is.EqualTo(count));
    }

    [Test]
    [Category("Gpu")]
    public void EveryWayGivesTheSameBitsOnAGpu()
    {
        Gpu.Open().Dispose();
        foreach ((Float32Precision precision, Conv2dProduct product) in ((Float32Precision, Conv2dProduct)[])[(Float32Precision.Strict, Conv2dProduct.Bf16), (Float32Precision.Tf32, Conv2dProduct.Tf32), (Float32Precision.Split, Conv2dProduct.Tf32x3)])
        {
            using var device = Device.CreateCuda(precision: precision);
            var backend = (CudaBackend)device.Backend;
            foreach (Conv2dGeometry g in DeviceCheck.Convolutions())
            {
                if (product.WhyNot(g, backend.Context.Device.Architecture) is null)
                {
                    float[] chosen = Run(backend, product, g);
                    EveryWay(backend, () => Assert.That(Run(backend, product, g), Is.EqualTo(chosen), $"{product}, {g}"));
                }
            }
        }
    }

    /// <summary>What is launched is what was found, and all that serve are timed first.</summary>
    [Test]
    public void AConvolutionIsTunedWhereItComesUpFirst()
    {
        var g = new Conv2dGeometry(1, 40, 5, 6, 90, 1, 1, 1, 1, 1, 1, 0, 0);
        var launched = new HashSet<string>();
        using CudaBackend backend = HostBackend.Open("plain", launched: launched, tuning: Open());
        float[] first = Run(backend, Conv2dProduct.Tf32, g);
        string[] lines = File.ReadAllLines(Directory.EnumerateFiles(_folder).Single());
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Does.StartWith("tf32 sm_90, pairs WhereItPays, 1 images, 40 to 90 channels, rows 5 5 5 1 0 1 0 1 1 0 1, columns 6 6 6 1 0 1 0 1 1 0 1\tconv2d_gather_tf32_sm90_"));
        string[] timed = [.. lines[0].Split('\t')[2].Split(' ').Select(entry => entry.Split('=')[0])];
        Assert.That(timed, Is.SupersetOf(new[] { "conv2d_gather_tf32_sm90_128x24", "conv2d_gather_tf32_sm90_128x88", "conv2d_gather_tf32_sm90_pair_128x128" }).And.Not.Contain("conv2d_gather_tf32_sm90_128x256"));
        Assert.That(launched, Is.SupersetOf(timed));
        launched.Clear();
        Assert.That(Run(backend, Conv2dProduct.Tf32, g), Is.EqualTo(first));
        Assert.That(launched.Where(name => name.StartsWith("conv2d_gather_", StringComparison.Ordinal)), Is.SubsetOf(lines.Select(line => line.Split('\t')[1])));
    }

    /// <summary>The first step tunes, the second is recorded with what it found, and the bits are those of a training that tunes nothing.</summary>
    [Test]
    public void ARecordedStepIsTunedBeforeItIsRecorded()
    {
        float[] untuned = Train(null);
        Assert.That(Train(Open()), Is.EqualTo(untuned));
        Assert.That(File.ReadAllLines(Directory.EnumerateFiles(_folder).Single()), Is.Not.Empty);
    }

    private static float[] Train(Conv2dTuning? tuning)
    {
        using var device = new Device(HostBackend.Open("plain", precision: Float32Precision.Tf32, tuning: tuning));
        var random = new RandomSequence(6, "step");
        using var weight = new Parameter("weight", Tensor.FromArray(device, new Shape(16, 8, 3, 3), Conv2dCases.Values(random, 16 * 8 * 9)));
        using var optimizer = new Sgd([weight]);
        using var step = new RecordedStep(
            new Shape(1, 8, 5, 6), new Size2(5, 6), optimizer,
            (x, labels, _) => Ops.SoftmaxCrossEntropy(Ops.Conv2d(x, weight.Value, options: new Conv2dOptions { Padding = 1 }), labels), seed: 1);
        for (ulong i = 0; i < 3; i++)
        {
            step.Run(i, Conv2dCases.Values(random, 8 * 5 * 6), new byte[5 * 6], learningRate: 0.1f);
        }

        Assert.That(step.WhyNotRecorded, Is.Null.Or.Empty);
        return weight.Value.ToArray();
    }

    // How many there are.
    private static int EveryWay(CudaBackend backend, Action check)
    {
        int most = 1;
        for (int i = 0; i < most; i++)
        {
            int index = i;
            backend.Way = ways =>
            {
                most = Math.Max(most, ways.Length);
                return ways[Math.Min(index, ways.Length - 1)];
            };
            check();
        }

        backend.Way = null;
        return most;
    }

    private static float[] Run(CudaBackend backend, Conv2dProduct product, Conv2dGeometry g)
    {
        var random = new RandomSequence(6, "tuning");
        ElementType type = product == Conv2dProduct.Bf16 ? ElementType.BFloat16 : ElementType.Float32;
        using DeviceBuffer x = HostBackend.Upload(backend, Conv2dCases.Values(random, g.InShape.Count), type);
        using DeviceBuffer weight = HostBackend.Upload(backend, Conv2dCases.Values(random, g.WeightShape.Count));
        using DeviceBuffer bias = HostBackend.Upload(backend, Conv2dCases.Values(random, g.OutChannels));
        using DeviceBuffer dy = HostBackend.Upload(backend, Conv2dCases.Values(random, g.OutShape.Count), type);
        float[] y = HostBackend.Result(backend, g.OutShape, y => backend.MmaForward(product, g, x, weight, bias, relu: true, y), type);
        return [.. y, .. HostBackend.Result(backend, g.InShape, dx => backend.MmaBackwardInput(product, g, dy, weight, x, dx), type)];
    }

    private Conv2dTuning Open() => new(_folder, "NVIDIA H200");
}
