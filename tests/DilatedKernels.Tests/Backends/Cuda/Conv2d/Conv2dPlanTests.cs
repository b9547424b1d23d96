using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Which kernel runs a convolution, and how: decided without a device.</summary>
public class Conv2dPlanTests
{
    [TestCase(64, 64, 8, ExpectedResult = "conv2d_fprop_f32_128x64_c8")]
    [TestCase(512, 512, 8, ExpectedResult = "conv2d_fprop_f32_128x128_c8")]
    [TestCase(512, 512, 1, ExpectedResult = "conv2d_fprop_f32_128x64_c8", Description = "a batch of one would leave multiprocessors idle")]
    [TestCase(512, 21, 8, ExpectedResult = "conv2d_fprop_f32_128x24_c8")]
    [TestCase(512, 11, 8, ExpectedResult = "conv2d_fprop_f32_128x16_c8")]
    [TestCase(3, 64, 8, ExpectedResult = "conv2d_fprop_f32_128x64_c1")]
    [TestCase(3, 512, 8, ExpectedResult = "conv2d_fprop_f32_128x64_c1")]
    [TestCase(21, 21, 8, ExpectedResult = "conv2d_fprop_f32_128x24_c1")]
    public string ForwardKernelFitsTheChannels(int inChannels, int outChannels, int batch)
    {
        Conv2dGeometry g = Same(batch, inChannels, outChannels);
        return Conv2dGatherPlan.Choose("fprop", ElementType.Float32, Conv2dGather.Forward(g), Conv2dGatherPlan.ForwardIsWide(g, aligned: true)).Kernel;
    }

    [TestCase(512, 512, ExpectedResult = "conv2d_dgrad_bf16_128x128_c8")]
    [TestCase(64, 20, ExpectedResult = "conv2d_dgrad_bf16_128x64_c1")]
    public string TheTypeIsInTheName(int inChannels, int outChannels)
    {
        Conv2dGeometry g = Same(8, inChannels, outChannels);
        return Conv2dGatherPlan.Choose("dgrad", ElementType.BFloat16, Conv2dGather.BackwardInput(g, 0, 0), Conv2dGatherPlan.BackwardInputIsWide(g, aligned: true)).Kernel;
    }

    [TestCase(64, 64, ExpectedResult = true)]
    [TestCase(20, 64, ExpectedResult = true)]
    [TestCase(64, 20, ExpectedResult = false)]
    [TestCase(64, 21, ExpectedResult = false)]
    [TestCase(3, 64, ExpectedResult = false)]
    public bool DataGradientLoads128BitsWhereBothChannelCountsAllow(int inChannels, int outChannels) =>
        Conv2dGatherPlan.BackwardInputIsWide(Same(1, inChannels, outChannels), aligned: true);

    [Test]
    public void UnalignedTensorsAreLoadedOneByOne()
    {
        Conv2dGeometry g = Same(1, 64, 64);
        Assert.That(Conv2dGatherPlan.ForwardIsWide(g, aligned: false), Is.False);
        Assert.That(Conv2dGatherPlan.BackwardInputIsWide(g, aligned: false), Is.False);
        Assert.That(Conv2dWeightPlan.Choose(g, ElementType.Float32, aligned: false).Partial.Kernel, Does.EndWith("_k1c1"));
    }

    [Test]
    public void GridCoversEveryPositionAndChannel()
    {
        Conv2dGather gather = Conv2dGather.Forward(Same(8, 512, 512));
        Assert.That(Conv2dGatherPlan.Choose("fprop", ElementType.Float32, gather, wide: true), Is.EqualTo(
            new LaunchPlan("conv2d_fprop_f32_128x128_c8", new Dim3(273 * 4), new Dim3(256))), "8·66·66 positions are 272.25 tiles of 128, 512 channels are 4");
    }

    [TestCase(512, 512, ExpectedResult = "conv2d_wgrad_f32_128x128_k4c4")]
    [TestCase(64, 64, ExpectedResult = "conv2d_wgrad_f32_64x128_k4c4")]
    [TestCase(512, 21, ExpectedResult = "conv2d_wgrad_f32_32x128_k1c4")]
    [TestCase(3, 64, ExpectedResult = "conv2d_wgrad_f32_64x32_k4c1")]
    [TestCase(21, 21, ExpectedResult = "conv2d_wgrad_f32_32x128_k1c1")]
    public string WeightGradientKernelFitsTheChannels(int inChannels, int outChannels) =>
        Conv2dWeightPlan.Choose(Same(8, inChannels, outChannels), ElementType.Float32, aligned: true).Partial.Kernel;

    [TestCase(512, 512, ExpectedResult = "conv2d_wgrad_bf16_64x128_k8c8", Description = "eight elements at once have no wider tile")]
    [TestCase(512, 21, ExpectedResult = "conv2d_wgrad_bf16_32x128_k1c8")]
    [TestCase(3, 64, ExpectedResult = "conv2d_wgrad_bf16_64x32_k8c1")]
    [TestCase(60, 60, ExpectedResult = "conv2d_wgrad_bf16_64x128_k1c1", Description = "multiples of four are 64 bits of bfloat16")]
    public string WeightGradientOfHalvesNeedsMultiplesOfEight(int inChannels, int outChannels) =>
        Conv2dWeightPlan.Choose(Same(8, inChannels, outChannels), ElementType.BFloat16, aligned: true).Partial.Kernel;

    [Test]
    public void SlicesCoverThePositionsOnce()
    {
        foreach (Conv2dGeometry g in Conv2dCases.All().Append(Same(8, 512, 512)).Append(Same(8, 3, 64)).Append(Same(700, 64, 4096)))
        {
            Conv2dWeightPlan plan = Conv2dWeightPlan.Choose(g, ElementType.Float32, aligned: true);
            long positions = g.OutShape.Positions;
            Assert.That((long)plan.Slices * plan.SlicePositions, Is.InRange(positions, positions + plan.SlicePositions - 1), g.ToString());
            Assert.That(plan.Partial.Grid.Y, Is.EqualTo(plan.Slices));
            Assert.That(plan.SlicePositions, Is.LessThanOrEqualTo(1 << 15), "float32 sums stay short");
        }
    }

    /// <summary>Every pair of input position and tap that the forward pass reads comes back in exactly one phase of the data gradient.</summary>
    [Test]
    public void PhasesOfTheDataGradientAreTheForwardPassTransposed()
    {
        foreach (Conv2dGeometry g in Conv2dCases.All())
        {
            Conv2dAxis forward = Conv2dGather.Forward(g).Rows;
            (int, int, int)[] expected = [.. Reads(forward).Select(r => (r.Source, r.Tap, r.Result)).Order()];
            (int, int, int)[] actual = [.. Enumerable.Range(0, Math.Min(g.StrideH, g.InHeight))
                .SelectMany(phase => Reads(Conv2dGather.BackwardInput(g, phase, 0).Rows)).Select(r => (r.Result, r.Tap, r.Source)).Order()];
            Assert.That(actual, Is.EqualTo(expected), g.ToString());
        }
    }

    [Test]
    public void PhasesWriteEveryInputPositionOnce()
    {
        foreach (Conv2dGeometry g in Conv2dCases.All())
        {
            IEnumerable<int> written = Enumerable.Range(0, Math.Min(g.StrideW, g.InWidth))
                .Select(phase => Conv2dGather.BackwardInput(g, 0, phase).Columns)
                .SelectMany(axis => Enumerable.Range(0, axis.Count).Select(q => (q * axis.ResultStride) + axis.ResultOffset));
            Assert.That(written.Order(), Is.EqualTo(Enumerable.Range(0, g.InWidth)), g.ToString());
        }
    }

    [Test]
    public void RefusalsNameWhatIsTooLarge()
    {
        Assert.That(Conv2dLimits.WhyNot(Same(8, 512, 512)), Is.Null);
        Assert.That(Conv2dLimits.WhyNot(Same(1 << 20, 1, 1)), Does.Contain("4567597056 input and 4567597056 output pixels"));
        Assert.That(Conv2dLimits.WhyNot(Same(1, 1 << 29, 1)), Does.Contain("9 taps of 536870912 channels"));
        Assert.That(Conv2dLimits.WhyNot(Same(1, 1, 1) with { PadH = 1 << 29 }), Does.Contain("the padded input is 1073741890×68 pixels"));
    }

    private static Conv2dGeometry Same(int batch, int inChannels, int outChannels) => new(batch, inChannels, 66, 66, outChannels, 3, 3, 1, 1, 1, 1, 1, 1);

    private static IEnumerable<(int Source, int Tap, int Result)> Reads(Conv2dAxis axis)
    {
        for (int q = 0; q < axis.Count; q++)
        {
            for (int j = 0; j < axis.Taps; j++)
            {
                int source = (q * axis.Scale) + axis.Shift + (j * axis.Step);
                if (source >= 0 && source < axis.Source)
                {
                    yield return (source, axis.FirstTap + (j * axis.TapStep), (q * axis.ResultStride) + axis.ResultOffset);
                }
            }
        }
    }
}
