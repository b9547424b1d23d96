using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Which tensor-core kernel runs a convolution, and how: decided without a device.</summary>
public class Conv2dMmaPlanTests
{
    [TestCase(Float32Precision.Strict, 90, ExpectedResult = "float32 was asked for, which tensor cores do not multiply")]
    [TestCase(Float32Precision.Tf32, 75, ExpectedResult = "sm_75 cannot multiply tf32 on tensor cores; sm_80 is the first that can")]
    [TestCase(Float32Precision.Split, 75, ExpectedResult = "sm_75 cannot multiply tf32x3 on tensor cores; sm_80 is the first that can")]
    [TestCase(Float32Precision.Tf32, 80, ExpectedResult = "Tf32")]
    [TestCase(Float32Precision.Split, 120, ExpectedResult = "Tf32x3")]
    public string? Float32IsMultipliedAsAskedWhereTheDeviceCan(Float32Precision precision, int architecture)
    {
        Conv2dProduct? product = Conv2dProducts.Choose(ElementType.Float32, precision, Same(8, 64, 64), architecture, out string? whyNot);
        Assert.That(product is null, Is.EqualTo(whyNot is not null));
        return whyNot ?? product.ToString();
    }

    [TestCase(75, ExpectedResult = "sm_75 cannot multiply bf16 on tensor cores; sm_80 is the first that can")]
    [TestCase(80, ExpectedResult = "Bf16")]
    public string? BFloat16NeedsNoAsking(int architecture) =>
        Conv2dProducts.Choose(ElementType.BFloat16, Float32Precision.Strict, Same(8, 64, 64), architecture, out string? whyNot) is { } product ? product.ToString() : whyNot;

    [Test]
    public void RefusalsNameWhatIsTooLarge()
    {
        Conv2dGeometry taps = Same(1, 1, 1) with { KernelHeight = 300, KernelWidth = 300, PadH = 200, PadW = 200 };
        Assert.That(Conv2dProduct.Tf32.WhyNot(taps, 80), Does.StartWith("the kernel has 90000 taps; 65535 fit"));
        Assert.That(Conv2dProduct.Bf16.WhyNot(Same(1, 238609300, 1), 80), Does.StartWith("9 taps of 238609300 channels, rounded up to a multiple of 8,"));
    }

    [TestCase("Bf16", 21, ExpectedResult = 24)]
    [TestCase("Bf16", 3, ExpectedResult = 8)]
    [TestCase("Tf32", 21, ExpectedResult = 24)]
    [TestCase("Tf32x3", 3, ExpectedResult = 4)]
    [TestCase("Tf32", 64, ExpectedResult = 64)]
    public long ChannelsAreWholeGranules(string product, int channels) => Enum.Parse<Conv2dProduct>(product).Pad(channels);

    [Test]
    public void OnlyWhatCannotBeReadInPlaceIsCopied()
    {
        Assert.That(Conv2dPackPlan.PadsActivations(Conv2dProduct.Bf16, 64, aligned: true), Is.False);
        Assert.That(Conv2dPackPlan.PadsActivations(Conv2dProduct.Bf16, 20, aligned: true), Is.True);
        Assert.That(Conv2dPackPlan.PadsActivations(Conv2dProduct.Tf32, 20, aligned: true), Is.False);
        Assert.That(Conv2dPackPlan.PadsActivations(Conv2dProduct.Tf32, 64, aligned: false), Is.True);
        Assert.That(Conv2dPackPlan.PadsWeights(Conv2dProduct.Bf16, 64, aligned: true), Is.True, "they are rounded");
        Assert.That(Conv2dPackPlan.PadsWeights(Conv2dProduct.Tf32x3, 64, aligned: true), Is.False);
        Assert.That(Conv2dPackPlan.TurnedWeights(Conv2dProduct.Bf16, Same(1, 33, 90)), Is.EqualTo(new LaunchPlan("conv2d_turn_f32_bf16", new Dim3(2, 3, 9), new Dim3(32, 8))));
    }

    [TestCase("Bf16", 512, 8, ExpectedResult = "conv2d_gather_bf16_sm80_128x128")]
    [TestCase("Bf16", 512, 1, ExpectedResult = "conv2d_gather_bf16_sm80_128x64", Description = "a batch of one would leave multiprocessors idle")]
    [TestCase("Tf32", 64, 8, ExpectedResult = "conv2d_gather_tf32_sm80_128x64")]
    [TestCase("Tf32", 21, 8, ExpectedResult = "conv2d_gather_tf32_sm80_128x32")]
    [TestCase("Tf32x3", 512, 8, ExpectedResult = "conv2d_gather_tf32x3_sm80_128x64", Description = "there is no wider one")]
    public string GatherKernelFitsTheChannels(string product, int channels, int batch) =>
        Choose(Enum.Parse<Conv2dProduct>(product), Same(batch, 512, channels)).Kernel;

    [Test]
    public void GridCoversEveryPositionAndChannel() =>
        Assert.That(Choose(Conv2dProduct.Bf16, Same(8, 512, 500)), Is.EqualTo(
            new LaunchPlan("conv2d_gather_bf16_sm80_128x128", new Dim3(273 * 4), new Dim3(256))), "8·66·66 positions are 272.25 tiles of 128, 500 channels are 4");

    [Test]
    public void GridCoversEveryRectangle() =>
        Assert.That(Choose(Conv2dProduct.Bf16, Same(8, 336, 672) with { DilationH = 16, DilationW = 16, PadH = 16, PadW = 16 }), Is.EqualTo(
            new LaunchPlan("conv2d_gather_bf16_sm80_128x128", new Dim3((73 + (4 * 34) + (4 * 16)) * 6), new Dim3(256))), "8·34·34 positions with all taps, four times 8·16·34 and 8·16·16");

    [TestCase("Bf16", 512, 512, ExpectedResult = "conv2d_wgrad_bf16_sm80_128x128 × 7")]
    [TestCase("Tf32", 512, 512, ExpectedResult = "conv2d_wgrad_tf32_sm80_128x128 × 11")]
    [TestCase("Tf32x3", 512, 512, ExpectedResult = "conv2d_wgrad_tf32x3_sm80_64x128 × 11")]
    [TestCase("Tf32", 64, 64, ExpectedResult = "conv2d_wgrad_tf32_sm80_64x128 × 78")]
    [TestCase("Bf16", 21, 21, ExpectedResult = "conv2d_wgrad_bf16_sm80_32x128 × 121")]
    public string WeightGradientFillsTheMultiprocessors(string product, int inChannels, int outChannels)
    {
        Conv2dWeightPlan plan = Conv2dMmaWeightPlan.Choose(Enum.Parse<Conv2dProduct>(product), Same(8, inChannels, outChannels));
        return $"{plan.Partial.Kernel} × {plan.Slices}";
    }

    [Test]
    public void SlicesCoverThePositionsOnce([Values("Bf16", "Tf32", "Tf32x3")] string product)
    {
        foreach (Conv2dGeometry g in Conv2dCases.All().Append(Same(8, 512, 512)).Append(Same(8, 3, 64)).Append(Same(700, 64, 4096)))
        {
            Conv2dWeightPlan plan = Conv2dMmaWeightPlan.Choose(Enum.Parse<Conv2dProduct>(product), g);
            long positions = g.OutShape.Positions;
            Assert.That((long)plan.Slices * plan.SlicePositions, Is.InRange(positions, positions + plan.SlicePositions - 1), g.ToString());
            Assert.That(plan.Partial.Grid.Y, Is.EqualTo(plan.Slices));
            Assert.That(plan.SlicePositions, Is.LessThanOrEqualTo(1 << 15), "float32 sums stay short");
        }
    }

    private static LaunchPlan Choose(Conv2dProduct product, in Conv2dGeometry geometry)
    {
        var gather = Conv2dGather.Forward(geometry);
        return Conv2dMmaGatherPlan.Choose(product, gather, Conv2dRegions.Choose(gather, Conv2dMmaGatherPlan.TileRows));
    }

    private static Conv2dGeometry Same(int batch, int inChannels, int outChannels) => new(batch, inChannels, 66, 66, outChannels, 3, 3, 1, 1, 1, 1, 1, 1);
}
