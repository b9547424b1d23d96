using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>
/// The tensor-core kernels of the three passes, compiled for the CPU, on memory that is NaN until written. The oracle gets the operands as
/// the tensor cores do, rounded, so that what is left is the error of float32 sums and of rounding a bfloat16 result.
/// </summary>
[TestFixture(Conv2dProduct.Bf16, 80)]
[TestFixture(Conv2dProduct.Bf16, 90)]
[TestFixture(Conv2dProduct.Tf32, 80)]
[TestFixture(Conv2dProduct.Tf32, 90)]
[TestFixture(Conv2dProduct.Tf32x3, 80)]
[TestFixture(Conv2dProduct.Tf32x3, 90)]
[NonParallelizable]
internal sealed class Conv2dTensorCoreTests(Conv2dProduct product, int architecture)
{
    // Where sums stay in the tensor cores, each product of 8 or 16 cuts off up to 2^-23 of the sum, half of it in the mean: of the 788 products of 700 channels' nine taps 5e-5.
    private double SumTolerance => product == Conv2dProduct.Tf32x3 ? 1e-5 : 5e-5;

    // Half a unit in the last of 8 bits: no element of a result rounded to nearest is further off.
    private const double Bf16RoundingTolerance = 1.0 / 256;

    private CudaBackend _backend = null!;

    private ElementType Type => product == Conv2dProduct.Bf16 ? ElementType.BFloat16 : ElementType.Float32;

    private double ResultTolerance => product == Conv2dProduct.Bf16 ? Bf16RoundingTolerance + SumTolerance : SumTolerance;

    private static IEnumerable<Conv2dGeometry> Geometries() => Conv2dCases.All().Concat(TileCases());

    private static IEnumerable<Conv2dGeometry> TileCases()
    {
        // Every tile of every pass, whole and cut off, in granules and not.
        foreach (int inChannels in (int[])[3, 8, 21, 32, 60, 128])
        {
            foreach (int outChannels in (int[])[11, 21, 32, 64, 100, 136])
            {
                yield return new Conv2dGeometry(1, inChannels, 11, 13, outChannels, 3, 3, 1, 1, 2, 2, 2, 2);
            }
        }

        // Several blocks of channels, the last with 1 to 4 products of 16, and tiles of Hopper's own; a tile in three images.
        foreach ((int inChannels, int outChannels) in new[] { (72, 168), (96, 224), (176, 250), (130, 400), (64, 48) })
        {
            yield return new Conv2dGeometry(3, inChannels, 7, 8, outChannels, 3, 3, 1, 1, 2, 2, 2, 2);
        }

        // Weight gradients of Hopper's own tiles: several taps to a tile and several tiles to a tap, at strides, cut by taps or not, some channels no multiples of 4.
        foreach ((int inChannels, int outChannels, int taps) in new[] { (64, 100, 3), (250, 72, 1), (128, 100, 1), (100, 40, 1), (250, 61, 1), (224, 130, 2), (300, 80, 2) })
        {
            yield return new Conv2dGeometry(2, inChannels, 9, 8, outChannels, taps, taps, 2, 1, 2, 3, 1, 2);
        }

        yield return new Conv2dGeometry(2, 72, 13, 14, 80, 3, 3, 1, 1, 6, 5, 6, 5);
        yield return new Conv2dGeometry(2, 130, 15, 11, 66, 3, 3, 2, 1, 6, 1, 6, 1);
        yield return new Conv2dGeometry(2, 70, 8, 17, 90, 3, 3, 1, 3, 1, 7, 0, 7);
        // Stride and dilation with and without a common divisor, and phases that no tap reaches.
        yield return new Conv2dGeometry(2, 8, 15, 14, 12, 3, 3, 2, 3, 2, 2, 1, 2);
        yield return new Conv2dGeometry(2, 8, 15, 14, 16, 3, 2, 4, 4, 2, 6, 3, 1);
        yield return new Conv2dGeometry(2, 8, 9, 9, 12, 1, 1, 3, 3, 1, 1, 0, 0);
        yield return new Conv2dGeometry(2, 72, 9, 9, 70, 1, 1, 3, 3, 1, 1, 0, 0);
        yield return new Conv2dGeometry(2, 4, 5, 3, 4, 2, 2, 7, 9, 3, 1, 2, 2);
        // Rectangles with taps of their own: of rows and columns, of one of them, of seven taps, at strides, and with positions that no tap reaches.
        yield return new Conv2dGeometry(3, 21, 20, 22, 40, 3, 3, 1, 1, 8, 8, 8, 8);
        yield return new Conv2dGeometry(3, 70, 20, 22, 90, 3, 3, 1, 1, 8, 8, 8, 8);
        yield return new Conv2dGeometry(2, 16, 40, 12, 33, 3, 3, 1, 1, 12, 1, 12, 0);
        yield return new Conv2dGeometry(2, 8, 18, 40, 8, 3, 3, 1, 1, 1, 13, 0, 13);
        yield return new Conv2dGeometry(3, 8, 19, 17, 16, 7, 7, 1, 1, 3, 3, 9, 9);
        yield return new Conv2dGeometry(3, 8, 31, 34, 24, 3, 3, 2, 1, 10, 9, 10, 9);
        yield return new Conv2dGeometry(2, 8, 12, 12, 16, 3, 3, 1, 1, 2, 2, 20, 20);
        // A weight gradient in several slices, one of them short.
        yield return new Conv2dGeometry(3, 3, 30, 31, 5, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(1, 16, 40, 41, 64, 1, 1, 1, 1, 1, 1, 0, 0);
    }

    [OneTimeSetUp]
    public void Open() => _backend = HostBackend.Open("plain", architecture: architecture);

    [OneTimeTearDown]
    public void Close() => _backend?.Dispose();

    [TestCaseSource(nameof(Geometries))]
    public void AgreesWithDefinition(object boxed)
    {
        var g = (Conv2dGeometry)boxed;
        Assume.That(product != Conv2dProduct.Tf32x3 || architecture == 80 || IsInParts(g), "on Hopper these are the kernels for sm_80, which their own fixture tests");
        Check(_backend, g);
    }

    /// <summary>The tolerances that the library states, against operands that nobody has rounded.</summary>
    [TestCase(64, 40, 2)]
    [TestCase(21, 21, 8)]
    [TestCase(72, 80, 2)]
    public void ErrorIsWithinWhatIsStated(int inChannels, int outChannels, int dilation)
    {
        var g = new Conv2dGeometry(1, inChannels, 20, 19, outChannels, 3, 3, 1, 1, dilation, dilation, dilation, dilation);
        (double forward, double data, double weight) = Errors(g, simt: false);
        double stated = product switch { Conv2dProduct.Bf16 => 1e-2, Conv2dProduct.Tf32 => 1e-3, _ => 1e-5 };
        Assert.That(new[] { forward, data, weight }, Is.All.LessThan(stated));
        TestContext.Out.WriteLine($"{product}, {inChannels} to {outChannels}: {forward:E1} {data:E1} {weight:E1}");
    }

    /// <summary>Products of parts must be as good as one of wholes, although tensor cores cut their sums off, as the host's do: no more than the error of the SIMT kernels' float32.</summary>
    [TestCase(64, 40, 2)]
    [TestCase(21, 21, 8)]
    [TestCase(512, 16, 1)]
    [TestCase(512, 72, 1)]
    [TestCase(96, 130, 2)]
    public void SplitProductsAreAsGoodAsFloat32(int inChannels, int outChannels, int dilation)
    {
        Assume.That(product, Is.EqualTo(Conv2dProduct.Tf32x3), "only the split product promises it");
        var g = new Conv2dGeometry(1, inChannels, 12, 13, outChannels, 3, 3, 1, 1, dilation, dilation, dilation, dilation);
        (double forward, double data, double weight) = Errors(g, simt: false);
        (double simtForward, double simtData, double simtWeight) = Errors(g, simt: true);
        TestContext.Out.WriteLine($"{forward:E1} {data:E1} {weight:E1}; SIMT {simtForward:E1} {simtData:E1} {simtWeight:E1}");
        Assert.That(forward, Is.LessThan(simtForward));
        Assert.That(data, Is.LessThan(simtData));
        Assert.That(weight, Is.LessThan(simtWeight));
    }

    [Test]
    public void SomeOfTheseAreCut()
    {
        Assert.That(Geometries().Count(g => Conv2dRegions.Choose(Conv2dGather.Forward(g), Conv2dMmaGatherPlan.TileRows).Count > 1), Is.GreaterThanOrEqualTo(5));
        Assert.That(Geometries().Count(g => Conv2dWgmmaGatherPlan.ChooseRegions(Conv2dGather.Forward(g)).Count > 1), Is.GreaterThanOrEqualTo(5));
    }

    [Test]
    public void EveryTileOfHoppersWeightGradientIsAmongThese()
    {
        Conv2dWgmmaWeightPlan[] plans = [.. Geometries().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16, g, 90) is null).Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, g, 132, Conv2dSharing.WhereItPays))];
        Assert.That(plans.Select(p => p.Partial.Kernel["conv2d_wgrad_bf16_sm90_".Length..]).Distinct(),
            Is.EquivalentTo(new[] { "128x256", "128x224", "128x192", "128x168", "128x128", "64x384", "64x256", "64x128" }));
        Assert.That(plans.Select(p => p.Taps.Count).Distinct(), Is.SupersetOf(new[] { 1, 3, 9 }));
        Assert.That(plans.Select(p => p.Finish is null).Distinct().Count(), Is.EqualTo(2));
        Assert.That(plans, Has.Some.Matches<Conv2dWgmmaWeightPlan>(p => p.Waves > 0 && p.Finish is not null));
        Assert.That(plans, Has.Some.Matches<Conv2dWgmmaWeightPlan>(p => p.Waves == 0 && p.Finish is not null));
    }

    /// <summary>The wide tiles, where with narrower ones it would be two waves, and no pairs are wanted.</summary>
    [TestCase(8, 40, 41, 1024, "conv2d_gather_bf16_sm90_128x128")]
    [TestCase(8, 46, 47, 1024, "conv2d_gather_bf16_sm90_128x168")]
    [TestCase(8, 49, 50, 1024, "conv2d_gather_bf16_sm90_128x224")]
    [TestCase(8, 58, 59, 1024, "conv2d_gather_bf16_sm90_128x256")]
    [TestCase(4, 66, 66, 88, "conv2d_gather_tf32_sm90_128x64")]
    [TestCase(4, 92, 94, 88, "conv2d_gather_tf32_sm90_128x88")]
    [TestCase(8, 40, 41, 1024, "conv2d_gather_tf32_sm90_128x128")]
    [TestCase(40, 46, 47, 1024, "conv2d_gather_tf32_sm90_128x168")]
    [TestCase(8, 49, 50, 1024, "conv2d_gather_tf32_sm90_128x256")]
    [TestCase(64, 40, 41, 1024, "conv2d_gather_bf16x6_sm90_128x112", "conv2d_wgrad_bf16x6_sm90_128x128")]
    [TestCase(64, 42, 42, 1100, "conv2d_gather_bf16x6_sm90_128x128", "conv2d_wgrad_bf16x6_sm90_128x128")]
    public void WideTilesByThemselves(int inChannels, int height, int width, int outChannels, params string[] kernels)
    {
        string multiplied = product == Conv2dProduct.Tf32x3 ? Conv2dProduct.Bf16x6.Name() : product.Name();
        Assume.That(architecture == 90 && kernels[0].StartsWith($"conv2d_gather_{multiplied}_", StringComparison.Ordinal), "it is another fixture's");
        var launched = new HashSet<string>();
        using CudaBackend backend = HostBackend.Open("plain", architecture: architecture, sharing: Conv2dSharing.Never, launched: launched);
        Check(backend, new Conv2dGeometry(1, inChannels, height, width, outChannels, 1, 1, 1, 1, 1, 1, 0, 0));
        Assert.That(launched, Is.SupersetOf(kernels));
    }

    /// <summary>Weight gradients of float32 in two parts of bfloat16 have all their tiles here.</summary>
    [Test]
    public void EveryTileOfHalvesIsAmongThese()
    {
        Conv2dWgmmaWeightPlan[] plans = [.. Geometries().Where(g => Conv2dProduct.Tf32.OfWeightsOnDevice(g, 90) == Conv2dProduct.Bf16x3).Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16x3, g, 132, Conv2dSharing.WhereItPays))];
        Assert.That(plans.Select(p => p.Partial.Kernel["conv2d_wgrad_bf16x3_sm90_".Length..]).Distinct(), Is.EquivalentTo(new[] { "128x256", "128x128", "64x256" }));
        Assert.That(plans.Select(p => p.Finish is null).Distinct().Count(), Is.EqualTo(2));
    }

    /// <summary>Where float32 goes to Hopper's kernels, as three parts of bfloat16, both ways to divide a weight gradient are among these.</summary>
    [Test]
    public void SomeOfTheseAreMultipliedInPartsOnHopper()
    {
        Conv2dGeometry[] forward = [.. Geometries().Where(g => Conv2dProduct.Tf32x3.OnDevice([Conv2dGather.Forward(g)], 90) == Conv2dProduct.Bf16x6)];
        Assert.That(forward.Count(g => g.StrideH > 1), Is.Positive);
        Assert.That(forward.Count(g => Conv2dWgmmaGatherPlan.ChooseRegions(Conv2dGather.Forward(g)).Count > 1), Is.Positive);
        Assert.That(Geometries().Count(g => Conv2dProduct.Tf32x3.OnDevice(CudaBackend.Phases(g), 90) == Conv2dProduct.Bf16x6), Is.GreaterThanOrEqualTo(5));
        Conv2dWgmmaWeightPlan[] weights = [.. Geometries().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16x6, g, 90) is null).Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16x6, g, 132, Conv2dSharing.WhereItPays))];
        Assert.That(weights.Select(p => p.Finish is null).Distinct().Count(), Is.EqualTo(2));
        Assert.That(weights.Select(p => p.Taps.Count).Distinct().Count(), Is.GreaterThan(1));
        Assert.That(Conv2dProduct.Tf32x3.OnDevice([Conv2dGather.Forward(forward[0])], 80), Is.EqualTo(Conv2dProduct.Tf32x3));
        Assert.That(Conv2dProduct.Tf32.OnDevice([Conv2dGather.Forward(forward[0])], 90), Is.EqualTo(Conv2dProduct.Tf32));
    }

    [TestCase(21, 11)]
    [TestCase(70, 90)]
    public void OrderOfThreadsDoesNotMatter(int inChannels, int outChannels)
    {
        var g = new Conv2dGeometry(2, inChannels, 18, 17, outChannels, 3, 3, 1, 1, 2, 2, 2, 2);
        float[][] results = [.. new long[] { 0, 1, 7 }.Select(seed =>
        {
            using CudaBackend backend = HostBackend.Open("plain", seed, architecture: architecture);
            return Check(backend, g);
        })];
        Assert.That(results[1], Is.EqualTo(results[0]));
        Assert.That(results[2], Is.EqualTo(results[0]));
    }

    /// <summary>One tap is not dilated, however far the next would be.</summary>
    [Test]
    public void DilationOfOneTapMayBeAnything()
    {
        using CudaBackend backend = HostBackend.Open("checked", architecture: architecture);
        Check(backend, new Conv2dGeometry(1, 8, 3, 4, 8, 1, 1, 1, 1, int.MaxValue, int.MaxValue, 0, 0));
    }

    // Every tile of each pass; 3 to 33 is padded.
    [TestCase(1, 136, 128, 1, 2)]
    [TestCase(1, 64, 64, 1, 4)]
    [TestCase(2, 32, 24, 2, 1)]
    [TestCase(2, 3, 33, 1, 1)]
    [TestCase(6, 8, 16, 1, 6)]
    [TestCase(1, 66, 72, 1, 4)]
    [TestCase(1, 72, 136, 1, 2)]
    public void EveryAccessIsInOrderAndInBounds(int batch, int inChannels, int outChannels, int stride, int dilation)
    {
        float[][] results = [.. new long[] { 0, 5 }.Select(seed =>
        {
            using CudaBackend backend = HostBackend.Open("checked", seed, architecture: architecture);
            return Check(backend, new Conv2dGeometry(batch, inChannels, 9, 8, outChannels, 3, 3, stride, stride, dilation, dilation, dilation, dilation));
        })];
        Assert.That(results[1], Is.EqualTo(results[0]));
    }

    [Test]
    public void MaskClosesTheDataGradient()
    {
        foreach ((int channels, int outChannels) in new[] { (16, 8), (21, 8), (72, 64) })
        {
            var g = new Conv2dGeometry(1, channels, 12, 11, outChannels, 3, 3, 2, 1, 2, 2, 2, 2);
            var random = new RandomSequence(2, g.ToString());
            float[] mask = Conv2dCases.Values(random, g.InShape.Count);
            (mask[0], mask[1], mask[2]) = (0, float.NaN, -0f);
            using DeviceBuffer dy = Upload(_backend, Round(Conv2dCases.Values(random, g.OutShape.Count)));
            using DeviceBuffer weight = HostBackend.Upload(_backend, Conv2dCases.Values(random, g.WeightShape.Count));
            using DeviceBuffer maskBuffer = Upload(_backend, mask);
            float[] open = Result(_backend, g.InShape, dx => _backend.MmaBackwardInput(product, g, dy, weight, mask: null, dx));
            float[] masked = Result(_backend, g.InShape, dx => _backend.MmaBackwardInput(product, g, dy, weight, maskBuffer, dx));
            Assert.That(masked, Is.EqualTo(open.Zip(mask, (value, gate) => gate > 0 ? value : 0)));
        }
    }

    [Test]
    public void NoInputChannelsGiveTheBias()
    {
        var g = new Conv2dGeometry(1, 0, 3, 3, 2, 3, 3, 1, 1, 1, 1, 1, 1);
        using DeviceBuffer nothing = _backend.Allocate(0);
        using DeviceBuffer bias = HostBackend.Upload(_backend, [2, -1]);
        float[] y = Result(_backend, g.OutShape, y => _backend.MmaForward(product, g, nothing, nothing, bias, relu: true, y));
        Assert.That(y, Is.EqualTo(Enumerable.Range(0, 18).Select(i => i % 2 == 0 ? 2f : 0f)));
    }

    // The NaN that GPUs make: one more in its last bits is no NaN. And infinity, of whose parts one is NaN.
    [TestCase(8, 8, 0x7FFFFFFFu)]
    [TestCase(64, 72, 0x7FFFFFFFu)]
    [TestCase(64, 72, 0x7F800000u)]
    public void NaNAndInfinityComeThrough(int inChannels, int outChannels, uint bits)
    {
        var g = new Conv2dGeometry(1, inChannels, 3, 3, outChannels, 1, 1, 1, 1, 1, 1, 0, 0);
        float[] x = new float[g.InShape.Count];
        x[inChannels] = BitConverter.UInt32BitsToSingle(bits);
        using DeviceBuffer xBuffer = Upload(_backend, x);
        using DeviceBuffer weight = HostBackend.Upload(_backend, [.. Enumerable.Repeat(1f, inChannels * outChannels)]);
        float[] y = Result(_backend, g.OutShape, y => _backend.MmaForward(product, g, xBuffer, weight, bias: null, relu: true, y));
        bool staysInfinite = bits == 0x7F800000u && product is not Conv2dProduct.Tf32x3;
        Assert.That(y[..outChannels], Is.All.Zero);
        Assert.That(y[outChannels..(2 * outChannels)], staysInfinite ? Is.All.EqualTo(float.PositiveInfinity) : Is.All.NaN);
        Assert.That(y[(2 * outChannels)..], Is.All.Zero);
    }

    /// <summary>An infinite operand: what it has part in is not finite, and parts of it are NaN.</summary>
    [Test]
    public void InfinityComesThroughTheWeightGradient()
    {
        var g = new Conv2dGeometry(1, 64, 9, 9, 72, 1, 1, 1, 1, 1, 1, 0, 0);
        float[] x = new float[g.InShape.Count];
        x[(3 * 64) + 5] = float.PositiveInfinity;
        using DeviceBuffer xBuffer = Upload(_backend, x);
        using DeviceBuffer dy = Upload(_backend, [.. Enumerable.Repeat(1f, (int)g.OutShape.Count)]);
        float[] dw = HostBackend.Result(_backend, g.WeightShape, dw => _backend.MmaBackwardWeight(product, g, xBuffer, dy, dw));
        bool inParts = product == Conv2dProduct.Tf32x3 || product.OfWeightsOnDevice(g, architecture) == Conv2dProduct.Bf16x3;
        Assert.That(dw.Where((_, i) => i % 64 == 5), inParts ? Is.All.NaN : Is.All.EqualTo(float.PositiveInfinity));
        Assert.That(dw.Where((_, i) => i % 64 != 5), Is.All.Zero);
    }

    private (double Forward, double Data, double Weight) Errors(Conv2dGeometry g, bool simt)
    {
        var random = new RandomSequence(3, g.ToString());
        float[] x = Conv2dCases.Values(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] dy = Conv2dCases.Values(random, g.OutShape.Count);
        using DeviceBuffer xBuffer = Upload(_backend, x);
        using DeviceBuffer weightBuffer = HostBackend.Upload(_backend, weight);
        using DeviceBuffer dyBuffer = Upload(_backend, dy);
        float[] y = simt
            ? HostBackend.Result(_backend, g.OutShape, y => _backend.Conv2dForward(g, xBuffer, weightBuffer, bias: null, relu: false, y))
            : Result(_backend, g.OutShape, y => _backend.MmaForward(product, g, xBuffer, weightBuffer, bias: null, relu: false, y));
        float[] dx = simt
            ? HostBackend.Result(_backend, g.InShape, dx => _backend.Conv2dBackwardInput(g, dyBuffer, weightBuffer, mask: null, dx))
            : Result(_backend, g.InShape, dx => _backend.MmaBackwardInput(product, g, dyBuffer, weightBuffer, mask: null, dx));
        float[] dw = HostBackend.Result(_backend, g.WeightShape, dw =>
        {
            if (simt)
            {
                _backend.Conv2dBackwardWeight(g, xBuffer, dyBuffer, dw);
            }
            else
            {
                _backend.MmaBackwardWeight(product, g, xBuffer, dyBuffer, dw);
            }
        });
        return (
            Conv2dReference.RelativeError(y, Conv2dReference.Forward(g, x, weight, bias: null, relu: false)),
            Conv2dReference.RelativeError(dx, Conv2dReference.BackwardInput(g, dy, weight)),
            Conv2dReference.RelativeError(dw, Conv2dReference.BackwardWeight(g, x, dy)));
    }

    /// <summary>Runs the passes, compares, and returns everything they gave.</summary>
    private float[] Check(CudaBackend backend, Conv2dGeometry g)
    {
        Assert.That(product.WhyNot(g, 80), Is.Null);
        var random = new RandomSequence(1, g.ToString());
        float[] x = Activations(random, g.InShape.Count);
        float[] weight = Conv2dCases.Values(random, g.WeightShape.Count);
        float[] bias = Conv2dCases.Values(random, g.OutChannels);
        float[] dy = Activations(random, g.OutShape.Count);
        using DeviceBuffer xBuffer = Upload(backend, x);
        using DeviceBuffer weightBuffer = HostBackend.Upload(backend, weight);
        using DeviceBuffer biasBuffer = HostBackend.Upload(backend, bias);
        using DeviceBuffer dyBuffer = Upload(backend, dy);

        float[] y = Result(backend, g.OutShape, y => backend.MmaForward(product, g, xBuffer, weightBuffer, biasBuffer, relu: true, y));
        float[] dx = Result(backend, g.InShape, dx => backend.MmaBackwardInput(product, g, dyBuffer, weightBuffer, mask: null, dx));
        float[] dw = HostBackend.Result(backend, g.WeightShape, dw => backend.MmaBackwardWeight(product, g, xBuffer, dyBuffer, dw));
        double[] dwExpected = product.OfWeightsOnDevice(g, architecture) == Conv2dProduct.Bf16x3 ? Conv2dReference.BackwardWeight(g, x, dy) : Conv2dReference.BackwardWeight(g, Round(x), Round(dy));
        (x, weight, dy) = (Round(x), Round(weight), Round(dy));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Conv2dReference.RelativeError(y, Conv2dReference.Forward(g, x, weight, bias, relu: true)), Is.LessThan(ResultTolerance), "forward with bias and ReLU");
            Assert.That(Conv2dReference.RelativeError(dx, Conv2dReference.BackwardInput(g, dy, weight)), Is.LessThan(ResultTolerance), "data gradient");
            Assert.That(Conv2dReference.RelativeError(dw, dwExpected), Is.LessThan(SumTolerance), "weight gradient");
        }

        return [.. y, .. dx, .. dw];
    }

    // Whether one of the passes is multiplied in parts of bfloat16 on Hopper.
    private static bool IsInParts(in Conv2dGeometry g) =>
        Conv2dProduct.Tf32x3.OnDevice([Conv2dGather.Forward(g)], 90) == Conv2dProduct.Bf16x6
        || Conv2dProduct.Tf32x3.OnDevice(CudaBackend.Phases(g), 90) == Conv2dProduct.Bf16x6
        || Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16x6, g, 90) is null;

    // float32 activations are rounded by the kernels, bfloat16 ones before they are uploaded.
    private float[] Activations(RandomSequence random, long count)
    {
        float[] values = Conv2dCases.Values(random, count);
        return product == Conv2dProduct.Bf16 ? Round(values) : values;
    }

    private float[] Round(float[] values) => product switch
    {
        Conv2dProduct.Bf16 => [.. values.Select(v => BFloat16.Widen(BFloat16.Round(v)))],
        Conv2dProduct.Tf32 => Array.ConvertAll(values, RoundToTf32),
        _ => values,
    };

    // To nearest: ties away from zero by the kernels, to even by Hopper's copy engine.
    private float RoundToTf32(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + (architecture == 90 ? 0xFFF + ((bits >> 13) & 1) : 0x1000)) & 0xFFFFE000);
    }

    private DeviceBuffer Upload(Backend backend, float[] values) => HostBackend.Upload(backend, values, Type);

    private float[] Result(Backend backend, Shape shape, Action<DeviceBuffer> compute) => HostBackend.Result(backend, shape, compute, Type);
}
