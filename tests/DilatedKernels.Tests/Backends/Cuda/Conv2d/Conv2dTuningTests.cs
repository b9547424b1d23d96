using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
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
        Assert.That(timed, Is.EqualTo(new[] { "wide", "narrow", "pair" }));
        Assert.That(tuning.Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"));
        Assert.That(Open().Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"), "by another program");
        Assert.That(timed, Has.Count.EqualTo(3));
        Assert.That(Open().Choose("b", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"), "another shape");
        Assert.That(timed, Has.Count.EqualTo(6));
        Assert.That(new Conv2dTuning(_folder, "NVIDIA H100").Choose("a", s_ways, Time).Plan.Kernel, Is.EqualTo("narrow"), "another GPU");
        Assert.That(timed, Has.Count.EqualTo(9));

        double Time(Conv2dGatherWay way)
        {
            timed.Add(way.Plan.Kernel);
            return way.Plan.Kernel == "narrow" ? 0.5 : 1;
        }
    }

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
        Open().Choose("a", s_ways, way => way.Columns);
        string file = Directory.EnumerateFiles(_folder).Single();
        Assert.That(Path.GetFileName(file), Does.StartWith("convolutions-nvidia-h200-").And.EndsWith(".tsv"));
        string line = File.ReadAllText(file);
        Assert.That(line, Is.EqualTo("a\twide\twide=0 narrow=1 pair=2\n"));
        File.WriteAllText(file, line[..4]);
        Assert.That(Open().Choose("a", s_ways, way => -way.Columns).Plan.Kernel, Is.EqualTo("pair"));
    }

    [Test]
    public void AFolderThatIsNoneIsRefused()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        CudaUnavailableException e = Assert.Throws<CudaUnavailableException>(() => _ = new Conv2dTuning(file, "NVIDIA H200"))!;
        Assert.That(e.Message, Does.StartWith($"DILATEDKERNELS_CONV_TUNING is a folder for files of what is measured of convolutions; '{file}' cannot be used: "));
    }

    /// <summary>Every way gives the bits of every other, so that whichever turns out the fastest is right; and what is chosen is launched from then on.</summary>
    [TestCase(Conv2dProduct.Bf16, 90)]
    [TestCase(Conv2dProduct.Bf16, 80)]
    [TestCase(Conv2dProduct.Tf32, 90)]
    [TestCase(Conv2dProduct.Tf32, 80)]
    [TestCase(Conv2dProduct.Tf32x3, 90)]
    [TestCase(Conv2dProduct.Tf32x3, 80)]
    public void EveryWayGivesTheSameBits(Conv2dProduct product, int architecture)
    {
        // 300 channels have every width.
        var g = new Conv2dGeometry(2, 72, 9, 11, 300, 3, 3, 1, 1, 2, 2, 2, 2);
        var launched = new HashSet<string>();
        float[] untuned = Run(null, product, architecture, g, launched);
        int ways = Ways(product, architecture, g).Length;
        Assert.That(ways, Is.GreaterThanOrEqualTo(2));
        string[] kernels = [.. Ways(product, architecture, g).Select(way => way.Plan.Kernel)];
        foreach (string kernel in kernels)
        {
            Conv2dTuning tuning = Open();
            tuning.Choose(Conv2dTuning.Describe(Of(product, architecture), Conv2dGather.Forward(g), architecture), Ways(product, architecture, g), way => way.Plan.Kernel == kernel ? 0 : 1);
            launched.Clear();
            Assert.That(Run(tuning, product, architecture, g, launched), Is.EqualTo(untuned), kernel);
            Assert.That(launched.Where(name => name.StartsWith("conv2d_gather_", StringComparison.Ordinal)), Is.EqualTo(new[] { kernel }));
            File.Delete(Directory.EnumerateFiles(_folder).Single());
        }

        launched.Clear();
        Assert.That(Run(Open(), product, architecture, g, launched), Is.EqualTo(untuned));
        Assert.That(launched.Where(name => name.StartsWith("conv2d_gather_", StringComparison.Ordinal)), Is.EquivalentTo(kernels), "all are timed");
    }

    private static Conv2dProduct Of(Conv2dProduct product, int architecture) => product == Conv2dProduct.Tf32x3 && architecture == 90 ? Conv2dProduct.Bf16x6 : product;

    private static Conv2dGatherWay[] Ways(Conv2dProduct product, int architecture, in Conv2dGeometry g)
    {
        var gather = Conv2dGather.Forward(g);
        return architecture == 90
            ? Conv2dWgmmaGatherPlan.Ways(Of(product, 90), gather, Conv2dWgmmaGatherPlan.ChooseRegions(gather), 132, Conv2dSharing.WhereItPays)
            : Conv2dMmaGatherPlan.Ways(product, gather, Conv2dRegions.Choose(gather, Conv2dMmaGatherPlan.TileRows));
    }

    private static float[] Run(Conv2dTuning? tuning, Conv2dProduct product, int architecture, Conv2dGeometry g, HashSet<string> launched)
    {
        using CudaBackend backend = HostBackend.Open("plain", architecture: architecture, launched: launched, tuning: tuning);
        var random = new RandomSequence(6, "tuning");
        ElementType type = product == Conv2dProduct.Bf16 ? ElementType.BFloat16 : ElementType.Float32;
        using DeviceBuffer x = HostBackend.Upload(backend, Conv2dCases.Values(random, g.InShape.Count), type);
        using DeviceBuffer weight = HostBackend.Upload(backend, Conv2dCases.Values(random, g.WeightShape.Count));
        using DeviceBuffer bias = HostBackend.Upload(backend, Conv2dCases.Values(random, g.OutChannels));
        return HostBackend.Result(backend, g.OutShape, y => backend.MmaForward(product, g, x, weight, bias, relu: true, y), type);
    }

    private Conv2dTuning Open() => new(_folder, "NVIDIA H200");
}
