using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Models;

/// <summary>The paper's and the released networks' numbers, from the configuration alone.</summary>
public class ModelSummaryTests
{
    private static ModelConfig FrontEnd(int classes = 21) => new() { Name = "front", FrontEnd = FrontEndConfig.Vgg16(classes) };

    private static ModelConfig Context(ContextConfig context) => new() { Name = "context", Context = context };

    [Test]
    public void FrontEndParametersMatchVgg16()
    {
        ModelSummary summary = ModelSummary.Of(FrontEnd(), 500);
        long Of(string name) => summary.Layers.Single(layer => layer.Name == name).Parameters;
        // VGG-16's own counts: 14,714,688 convolution weights and biases, then fc6, fc7 and 21 linear classifiers on 4096 values.
        Assert.Multiple(() =>
        {
            Assert.That(summary.Layers.Where(layer => layer.Name.StartsWith("conv", StringComparison.Ordinal)).Sum(layer => layer.Parameters), Is.EqualTo(14_714_688));
            Assert.That(Of("fc6"), Is.EqualTo(102_764_544));
            Assert.That(Of("fc7"), Is.EqualTo(16_781_312));
            Assert.That(Of("final"), Is.EqualTo(86_037));
            Assert.That(summary.Parameters, Is.EqualTo(134_346_581));
        });
    }

    [Test]
    public void FrontEndSees380PixelsAtStride8()
    {
        ModelSummary summary = ModelSummary.Of(FrontEnd(), 500);
        Assert.Multiple(() =>
        {
            Assert.That(summary.ReceptiveField, Is.EqualTo(380));
            Assert.That(summary.Stride, Is.EqualTo(8));
            Assert.That(summary.OutputStride, Is.EqualTo(8));
            Assert.That(summary.Margin, Is.EqualTo(186));
        });
    }

    [Test]
    public void ContextWidensTheFieldTo908PixelsAndKeepsTheMargin(
        [Values(ContextPadding.Once, ContextPadding.PerLayer)] ContextPadding padding, [Values] PaddingMode mode)
    {
        ModelConfig config = FrontEnd() with { Context = ContextConfig.Basic(21) with { Padding = padding, PaddingMode = mode } };
        ModelSummary summary = ModelSummary.Of(config, 900);
        Assert.Multiple(() =>
        {
            Assert.That(summary.ReceptiveField, Is.EqualTo(908));
            Assert.That(summary.Margin, Is.EqualTo(186));
            Assert.That(summary.Output, Is.EqualTo(new Shape(1, 21, 66, 66)));
        });
    }

    [Test]
    public void WithoutPaddingTheContextTakes33CellsMore()
    {
        ModelConfig config = FrontEnd() with { Context = ContextConfig.Basic(21) with { Padding = ContextPadding.None } };
        ModelSummary summary = ModelSummary.Of(config, 908);
        Assert.Multiple(() =>
        {
            Assert.That(summary.Margin, Is.EqualTo(186 + (33 * 8)));
            Assert.That(summary.Output, Is.EqualTo(new Shape(1, 21, 1, 1)));
        });
    }

    [TestCase(500, 16)]
    [TestCase(628, 32)]
    [TestCase(852, 60)]
    [TestCase(900, 66)]
    [TestCase(1100, 91)]
    [TestCase(1396, 128)]
    public void OutputExtents(int input, int expected)
    {
        Assert.That(ModelSummary.Of(FrontEnd(), input).Output, Is.EqualTo(new Shape(1, 21, expected, expected)));
        Assert.That((input - (2 * 186)) / 8, Is.EqualTo(expected));
    }

    [Test]
    public void ExtentsAfterThePoolingsOfA900PixelInput()
    {
        string[] layers = ["pool1", "pool2", "pool3", "conv4_3", "conv5_3", "fc6", "final"];
        ModelSummary summary = ModelSummary.Of(FrontEnd(), 900);
        Assert.That(
            layers.Select(name => summary.Layers.Single(layer => layer.Name == name).Size.Height),
            Is.EqualTo(new[] { 448, 222, 108, 102, 90, 66, 66 }));
    }

    [Test]
    public void OnlyRoundingUpGives159ColumnsForKitti([Values] PoolRounding rounding)
    {
        ModelConfig config = FrontEnd(11) with { FrontEnd = FrontEndConfig.Vgg16(11) with { PoolRounding = rounding } };
        int columns = ModelSummary.Of(config, new Size2(852, 1640)).Output.W;
        Assert.That(columns, Is.EqualTo(rounding == PoolRounding.Ceiling ? 159 : 158));
    }

    [TestCase("voc-dilation8", 21, 66, 66)]
    [TestCase("camvid-dilation8", 11, 66, 91)]
    [TestCase("kitti-dilation7", 11, 60, 159)]
    [TestCase("cityscapes-dilation10", 19, 1024, 1024)]
    public void PresetsGiveTheReleasedNetsOutputs(string name, int classes, int height, int width)
    {
        ModelConfig config = Presets.Get(name);
        Assert.That(ModelSummary.Of(config, config.InputSize!.Value).Output, Is.EqualTo(new Shape(1, classes, height, width)));
    }

    [Test]
    public void VocNetPadsOnceAndThenShrinks()
    {
        ModelSummary summary = ModelSummary.Of(Presets.Get("voc-dilation8"), 900);
        LayerSummary[] context = [.. summary.Layers.Where(layer => layer.ContextField is not null)];
        Assert.Multiple(() =>
        {
            Assert.That(context[0].Padding, Is.EqualTo(33));
            Assert.That(context.Skip(1).Select(layer => layer.Padding), Is.All.Zero);
            // The first layer takes its own two cells from the padded map of 66 + 2·33 = 132.
            Assert.That(context.Select(layer => layer.Size.Height), Is.EqualTo(new[] { 130, 128, 124, 116, 100, 68, 66, 66 }));
            Assert.That(context.Select(layer => layer.Channels), Is.EqualTo(new[] { 42, 42, 84, 168, 336, 672, 672, 21 }));
        });
    }

    [Test]
    public void ReflectionPaddingIsALayerOfItsOwn()
    {
        ModelSummary summary = ModelSummary.Of(Context(ContextConfig.Basic(21) with { PaddingMode = PaddingMode.Reflect }), 66);
        Assert.That(
            summary.Layers.Select(layer => layer.Size.Height), Is.EqualTo(new[] { 132, 130, 128, 124, 116, 100, 68, 66, 66 }));
    }

    [Test]
    public void ContextFieldsAreTableOnes()
    {
        ModelSummary summary = ModelSummary.Of(Context(ContextConfig.Basic(21)), 66);
        Assert.That(summary.Layers.Select(layer => layer.ContextField), Is.EqualTo(new int?[] { 3, 5, 9, 17, 33, 65, 67, 67 }));
    }

    [Test]
    public void ContextParameterCounts()
    {
        Assert.Multiple(() =>
        {
            Assert.That(ModelSummary.Of(Context(ContextConfig.Basic(21)), 66).Parameters, Is.EqualTo(28_392));
            Assert.That(ModelSummary.Of(Context(ContextConfig.Large(21)), 66).Parameters, Is.EqualTo(6_803_139));
        });
    }

    [Test]
    public void CityscapesNetReads128CellsBeforeUpsampling()
    {
        ModelSummary summary = ModelSummary.Of(Presets.Get("cityscapes-dilation10"), 1396);
        Assert.Multiple(() =>
        {
            Assert.That(summary.Layers[^2].Size, Is.EqualTo(new Size2(128, 128)));
            Assert.That(summary.Layers[^1].Parameters, Is.Zero);
            Assert.That(summary.Stride, Is.EqualTo(8));
            Assert.That(summary.OutputStride, Is.EqualTo(1));
            Assert.That(summary.Margin, Is.EqualTo(186));
            // A tenth of an image more: 2·(32 + 64) cells on the eight-layer module's 66, and the neighbour cell that interpolation reads.
            Assert.That(summary.ReceptiveField, Is.EqualTo(380 + (8 * (66 + 192)) + 8));
        });
    }

    [Test]
    public void AnEighthOfTheWidth()
    {
        ModelConfig config = new() { Name = "narrow", FrontEnd = FrontEndConfig.Vgg16(11, 1.0 / 8) };
        ModelSummary summary = ModelSummary.Of(config, 500);
        Assert.Multiple(() =>
        {
            Assert.That(
                summary.Layers.Where(layer => layer.Kind == "conv + ReLU").Select(layer => layer.Channels),
                Is.EqualTo(new[] { 8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64, 64, 512, 512 }));
            Assert.That(summary.Output.C, Is.EqualTo(11));
        });
    }

    [Test]
    public void SmallFrontEndKeepsTheRules()
    {
        ModelSummary summary = ModelSummary.Of(new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(4) }, 128);
        Assert.Multiple(() =>
        {
            Assert.That(summary.ReceptiveField, Is.EqualTo(80));
            Assert.That(summary.Stride, Is.EqualTo(4));
            Assert.That(summary.Margin, Is.EqualTo(38));
            Assert.That(summary.Output.H, Is.EqualTo((128 - 76) / 4));
        });
    }

    [Test]
    public void CostsOfOneLayerByHand()
    {
        ModelSummary summary = ModelSummary.Of(FrontEnd(), 500, batch: 2);
        LayerSummary first = summary.Layers[0];
        Assert.Multiple(() =>
        {
            Assert.That(first.Flops, Is.EqualTo(2L * 2 * 498 * 498 * 64 * 27));
            Assert.That(first.ActivationBytes, Is.EqualTo(4L * 2 * 64 * 498 * 498));
            // conv1_2 reads conv1_1's output: the largest pair of the network.
            Assert.That(summary.InferenceActivationBytes, Is.EqualTo(4L * 2 * 64 * ((498 * 498) + (496 * 496))));
            Assert.That(summary.TrainingActivationBytes, Is.EqualTo(summary.Layers.Sum(layer => layer.ActivationBytes)));
            Assert.That(summary.Flops, Is.EqualTo(2 * ModelSummary.Of(FrontEnd(), 500).Flops));
        });
    }

    [Test]
    public void TooSmallAnInputNamesLayerAndSmallestInput()
    {
        Assert.That(
            () => ModelSummary.Of(FrontEnd(), 100),
            Throws.ArgumentException.With.Message.Contains("layer conv5_1 (3×3, dilation 2) covers 5 cells, but the map before it is 2×2").And.Message.Contains("380×380"));
        Assert.That(ModelSummary.Of(FrontEnd(), 380).Output.H, Is.EqualTo(1));
        Assert.That(() => ModelSummary.Of(FrontEnd(), 379), Throws.ArgumentException);
    }
}
