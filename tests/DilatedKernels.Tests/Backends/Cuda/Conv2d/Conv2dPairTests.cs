using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>
/// Hopper's convolutions in pairs of blocks that bring each other what both read, compiled for the CPU: the same bits as blocks by themselves, in every order of threads,
/// copies and blocks. That those are right, Conv2dTensorCoreTests tells.
/// </summary>
[TestFixture(Conv2dProduct.Bf16)]
[TestFixture(Conv2dProduct.Tf32)]
[TestFixture(Conv2dProduct.Tf32x3)]
[NonParallelizable]
internal sealed class Conv2dPairTests(Conv2dProduct asked)
{
    // Few, so that every pair has several tiles, and one pair a tile more than the other.
    private const int Multiprocessors = 4;

    private static IEnumerable<Conv2dGeometry> Geometries()
    {
        // Every tile of the forward pass, an even and an odd number of tiles of positions, the last block of channels whole and not, channels cut off.
        yield return new Conv2dGeometry(2, 64, 12, 13, 256, 3, 3, 1, 1, 2, 2, 2, 2);
        yield return new Conv2dGeometry(3, 72, 11, 12, 224, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(5, 100, 10, 11, 168, 2, 2, 1, 1, 3, 2, 0, 0);
        yield return new Conv2dGeometry(3, 24, 17, 15, 128, 3, 3, 1, 1, 2, 2, 2, 2);
        yield return new Conv2dGeometry(1, 80, 9, 9, 90, 3, 3, 1, 1, 2, 2, 2, 2);
        yield return new Conv2dGeometry(4, 16, 13, 14, 300, 1, 1, 1, 1, 1, 1, 0, 0);
        // Rectangles with taps of their own, each with pairs of its own, and strides.
        yield return new Conv2dGeometry(3, 21, 20, 22, 140, 3, 3, 1, 1, 8, 8, 8, 8);
        yield return new Conv2dGeometry(2, 40, 31, 17, 129, 3, 3, 2, 1, 2, 2, 2, 2);
        // Weight gradients of every tile, with two tiles of output channels, four, and one or three, of which a pair leaves one out; cut by taps or not, in parts or whole.
        yield return new Conv2dGeometry(2, 256, 8, 16, 256, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(2, 224, 16, 16, 200, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 168, 13, 20, 136, 3, 1, 1, 1, 4, 1, 4, 0);
        yield return new Conv2dGeometry(1, 256, 13, 20, 250, 3, 1, 1, 1, 4, 1, 4, 0);
        yield return new Conv2dGeometry(2, 130, 16, 18, 500, 1, 1, 1, 1, 1, 1, 0, 0);
    }

    // What Hopper multiplies where that is asked for.
    private Conv2dProduct Gathered => asked == Conv2dProduct.Tf32x3 ? Conv2dProduct.Bf16x6 : asked;

    private Conv2dProduct Summed => asked switch { Conv2dProduct.Tf32 => Conv2dProduct.Bf16x3, Conv2dProduct.Tf32x3 => Conv2dProduct.Bf16x6, _ => asked };

    private ElementType Type => asked == Conv2dProduct.Bf16 ? ElementType.BFloat16 : ElementType.Float32;

    private int[] GatherColumns => asked switch { Conv2dProduct.Bf16 => [256, 224, 168, 128], Conv2dProduct.Tf32 => [256, 168, 128], _ => [128, 112] };

    private int[] WeightColumns => asked switch { Conv2dProduct.Bf16 => [256, 224, 168, 128], Conv2dProduct.Tf32 => [256, 128], _ => [128] };

    private static IEnumerable<Conv2dGeometry> WeightGeometries() => Geometries().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16, g, 90) is null);

    private IEnumerable<Conv2dGeometry> GatherGeometries() => Geometries().Where(g => Conv2dWgmmaGatherPlan.WhyNot(Gathered, Conv2dGather.Forward(g), 90) is null);

    private IEnumerable<Conv2dGeometry> OwnWeightGeometries() => WeightGeometries().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Summed, g, 90) is null);

    [TestCaseSource(nameof(Geometries))]
    public void PairsGiveTheBitsOfBlocksByThemselves(object boxed)
    {
        var g = (Conv2dGeometry)boxed;
        Assume.That(Conv2dWgmmaGatherPlan.WhyNot(Gathered, Conv2dGather.Forward(g), 90), Is.Null, "these are the kernels for sm_80, which know no pairs");
        float[] alone = Run(g, Conv2dSharing.Never, "plain", 0);
        foreach (long seed in (long[])[0, 1, 3])
        {
            Assert.That(Run(g, Conv2dSharing.Always, "plain", seed), Is.EqualTo(alone), $"seed {seed}");
        }
    }

    /// <summary>The same where pairs divide the steps as blocks by themselves do; everywhere right, and one result in every order.</summary>
    [TestCaseSource(nameof(WeightGeometries))]
    public void WeightGradientsOfPairsAreRight(object boxed)
    {
        var g = (Conv2dGeometry)boxed;
        Assume.That(Conv2dWgmmaWeightPlan.WhyNot(Summed, g, 90), Is.Null, "this is the kernel for sm_80, which knows no pairs");
        (float[] pairs, Func<double> error) = RunWeights(g, Conv2dSharing.Always, "plain", 0);
        Assert.That(error(), Is.LessThan(1e-5));
        Assert.That(RunWeights(g, Conv2dSharing.Always, "plain", 1).Values, Is.EqualTo(pairs), "seed 1");
        Assert.That(RunWeights(g, Conv2dSharing.Always, "plain", 3).Values, Is.EqualTo(pairs), "seed 3");
        if (DivideAlike(g))
        {
            Assert.That(RunWeights(g, Conv2dSharing.Never, "plain", 0).Values, Is.EqualTo(pairs), "blocks by themselves");
        }
    }

    [Test]
    public void SomeDivideAlikeInPartsAndWhole()
    {
        Conv2dWgmmaWeightPlan[] alike = [.. OwnWeightGeometries().Where(DivideAlike).Select(g => Choose(g, Conv2dSharing.Always))];
        Assert.That(alike.Count(p => p.Finish is null), Is.GreaterThanOrEqualTo(1));
        Assert.That(alike.Count(p => p.Finish is not null), Is.GreaterThanOrEqualTo(1));
        Assert.That(OwnWeightGeometries().Select(g => Choose(g, Conv2dSharing.Always).Columns).Distinct(), Is.EquivalentTo(WeightColumns));
        Assert.That(OwnWeightGeometries().Select(g => Choose(g, Conv2dSharing.Always).Taps.Count).Distinct().Count(), Is.GreaterThan(1));
    }

    /// <summary>The same on this machine's GPU, with more tiles than it has multiprocessors too.</summary>
    [Test]
    [Category("Gpu")]
    public void PairsGiveTheBitsOfBlocksByThemselvesOnAGpu()
    {
        using Device device = Gpu.Open();
        if (device.Backend is not CudaBackend { Context.Device.Architecture: 90 } backend)
        {
            Assert.Ignore("the GPU has no kernels for pairs of blocks");
            return;
        }

        foreach (Conv2dGeometry g in (Conv2dGeometry[])[.. Geometries(), new(8, 72, 66, 66, 512, 3, 3, 1, 1, 2, 2, 2, 2), new(8, 72, 66, 66, 672, 3, 3, 1, 1, 16, 16, 16, 16)])
        {
            backend.Sharing = Conv2dSharing.Never;
            float[] alone = Run(backend, g);
            float[]? weights = Conv2dWgmmaWeightPlan.WhyNot(Summed, g, 90) is null ? RunWeights(backend, g).Values : null;
            backend.Sharing = Conv2dSharing.Always;
            Assert.That(Run(backend, g), Is.EqualTo(alone), g.ToString());
            if (weights is not null)
            {
                // Where they divide the steps in other places, each cuts its sums off in other places: 3e-5 after 545 steps of two parts.
                Assert.That(Conv2dReference.RelativeError(RunWeights(backend, g).Values, Array.ConvertAll(weights, w => (double)w)), Is.LessThan(5e-5), g.ToString());
            }
        }
    }

    [TestCase(64, 136, 0)]
    [TestCase(72, 256, 7)]
    public void EveryAccessIsInOrderAndInBounds(int inChannels, int outChannels, int seed)
    {
        var g = new Conv2dGeometry(2, inChannels, 13, 11, outChannels, 3, 3, 1, 1, 2, 2, 2, 2);
        Assert.That(Run(g, Conv2dSharing.Always, "checked", seed), Is.EqualTo(Run(g, Conv2dSharing.Never, "plain", 0)));
    }

    [Test]
    public void EveryTileIsAmongThese() => Assert.That(
        GatherGeometries().Select(g => Conv2dGather.Forward(g)).Select(g => Conv2dWgmmaGatherPlan.Choose(Gathered, g, Conv2dWgmmaGatherPlan.ChooseRegions(g), Multiprocessors, Conv2dSharing.Always, out int columns) is { Cluster.X: 2 } ? columns : 0).Distinct(),
        Is.EquivalentTo(GatherColumns));

    [TestCase(256, 256, 5)]
    [TestCase(130, 140, 0)]
    public void EveryAccessOfAWeightGradientIsInOrderAndInBounds(int inChannels, int outChannels, int seed)
    {
        var g = new Conv2dGeometry(2, inChannels, 9, 8, outChannels, 3, 1, 1, 1, 2, 2, 2, 0);
        Assert.That(RunWeights(g, Conv2dSharing.Always, "checked", seed).Values, Is.EqualTo(RunWeights(g, Conv2dSharing.Always, "plain", 0).Values));
    }

    private Conv2dWgmmaWeightPlan Choose(in Conv2dGeometry g, Conv2dSharing sharing) => Conv2dWgmmaWeightPlan.Choose(Summed, g, Multiprocessors, sharing);

    // The tiles are as wide, a row of them is as many steps, and each worker of a pair has as many as either of two by themselves, in the same places.
    private bool DivideAlike(Conv2dGeometry g)
    {
        Conv2dWgmmaWeightPlan pairs = Choose(g, Conv2dSharing.Always), alone = Choose(g, Conv2dSharing.Never);
        long steps = pairs.Taps.Count == 1 ? CeilingDivide((long)g.Batch * g.OutHeight * g.OutWidth, Conv2dWgmmaWeightPlan.StepPositions) : 1;
        return (alone.RowBoxes, alone.Columns) == (pairs.RowBoxes, pairs.Columns)
            && g.OutChannels is > 128 and <= 256 && steps % 4 == 0 && alone.Workers == 2 * pairs.Workers;
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;

    private (float[] Values, Func<double> Error) RunWeights(in Conv2dGeometry g, Conv2dSharing sharing, string build, long seed)
    {
        using CudaBackend backend = HostBackend.Open(build, seed, sharing: sharing, multiprocessors: Multiprocessors);
        return RunWeights(backend, g);
    }

    private (float[] Values, Func<double> Error) RunWeights(CudaBackend backend, in Conv2dGeometry g)
    {
        var random = new RandomSequence(5, g.ToString());
        float[] x = [.. Conv2dCases.Values(random, g.InShape.Count).Select(v => BFloat16.Widen(BFloat16.Round(v)))];
        float[] dy = [.. Conv2dCases.Values(random, g.OutShape.Count).Select(v => BFloat16.Widen(BFloat16.Round(v)))];
        using DeviceBuffer xBuffer = HostBackend.Upload(backend, x, Type);
        using DeviceBuffer dyBuffer = HostBackend.Upload(backend, dy, Type);
        Conv2dGeometry geometry = g;
        float[] dw = HostBackend.Result(backend, g.WeightShape, dw => backend.MmaBackwardWeight(asked, geometry, xBuffer, dyBuffer, dw));
        return (dw, () => Conv2dReference.RelativeError(dw, Conv2dReference.BackwardWeight(geometry, x, dy)));
    }

    /// <summary>What the forward pass and the data gradient give.</summary>
    private float[] Run(in Conv2dGeometry g, Conv2dSharing sharing, string build, long seed)
    {
        using CudaBackend backend = HostBackend.Open(build, seed, sharing: sharing, multiprocessors: Multiprocessors);
        return Run(backend, g);
    }

    private float[] Run(CudaBackend backend, in Conv2dGeometry g)
    {
        var random = new RandomSequence(4, g.ToString());
        using DeviceBuffer x = HostBackend.Upload(backend, Conv2dCases.Values(random, g.InShape.Count), Type);
        using DeviceBuffer weight = HostBackend.Upload(backend, Conv2dCases.Values(random, g.WeightShape.Count));
        using DeviceBuffer bias = HostBackend.Upload(backend, Conv2dCases.Values(random, g.OutChannels));
        using DeviceBuffer dy = HostBackend.Upload(backend, Conv2dCases.Values(random, g.OutShape.Count), Type);
        Conv2dGeometry geometry = g;
        float[] y = HostBackend.Result(backend, g.OutShape, y => backend.MmaForward(asked, geometry, x, weight, bias, relu: true, y), Type);
        float[] dx = HostBackend.Result(backend, g.InShape, dx => backend.MmaBackwardInput(asked, geometry, dy, weight, x, dx), Type);
        return [.. y, .. dx];
    }
}
