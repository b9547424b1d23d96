using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Models;

/// <summary>The published geometry and parameter counts of FCN (Long et al. 2015) and DeepLab (Chen et al. 2015), from the configuration alone.</summary>
public class BaselineSummaryTests
{
    private const long Vgg = 14_714_688;

    // fc6 and fc7 as VGG-16 has them.
    private const long Fc = 102_764_544 + 16_781_312;

    [TestCase("fcn-32s", Vgg + Fc + (21 * 4097))]
    [TestCase("fcn-16s", Vgg + Fc + (21 * 4097) + (21 * 513))]
    [TestCase("fcn-8s", Vgg + Fc + (21 * 4097) + (21 * 513) + (21 * 257))]
    [TestCase("deeplab", Vgg + (4096L * ((512 * 16) + 1)) + 16_781_312 + (21 * 4097))]
    [TestCase("deeplab-7x7", Vgg + Fc + (21 * 4097))]
    [TestCase("deeplab-largefov", Vgg + (1024L * ((512 * 9) + 1)) + (1024 * 1025) + (21 * 1025))]
    [TestCase("deeplab-msc-largefov", Vgg + (1024L * ((512 * 9) + 1)) + (1024 * 1025) + (21 * 1025) + (128 * (((3 + 64 + 128 + 256 + 512) * 9) + 5)) + (5 * 128 * 129) + (21 * 641))]
    public void ParametersAreTheSumOfTheLayers(string name, long expected) =>
        Assert.That(ModelSummary.Of(Presets.Get(name), Presets.Get(name).InputSize!.Value).Parameters, Is.EqualTo(expected));

    // In millions, as the papers print them.
    [TestCase("fcn-32s", 134.3)]
    [TestCase("fcn-8s", 134.4)]
    [TestCase("deeplab", 65.1)]
    [TestCase("deeplab-7x7", 134.3)]
    [TestCase("deeplab-largefov", 20.5)]
    public void ParametersMatchThePapers(string name, double millions) =>
        Assert.That(ModelSummary.Of(Presets.Get(name), 321).Parameters / 1e6, Is.EqualTo(millions).Within(0.05));

    [TestCase("fcn-32s", 19)]
    [TestCase("fcn-16s", 27)]
    [TestCase("fcn-8s", 31)]
    public void FcnCutsWhereTheReleasedNetworksDo(string name, int released)
    {
        var architecture = new Architecture(Presets.Get(name));
        var crop = (CropToPlan)architecture.Nodes[^1].Layer;
        var last = (DeconvolutionPlan)architecture.Nodes[^2].Layer;
        Assert.Multiple(() =>
        {
            // The released deconvolution is not padded; ours leaves half a stride off, and so cuts that much less.
            Assert.That(crop.Offset + (last.Scale / 2), Is.EqualTo(released));
            Assert.That(architecture.Nodes[^1].Inputs[1], Is.EqualTo(Graph.Input));
            Assert.That(architecture.Nodes[^1].Placement.First, Is.Zero);
            Assert.That((architecture.Margin, architecture.Stride), Is.EqualTo((0, 1)));
        });
    }

    [Test]
    public void FcnCutsItsSkipsAt5And9()
    {
        var architecture = new Architecture(Presets.Get("fcn-8s"));
        int Offset(string name) => architecture.Layers.OfType<CropToPlan>().Single(crop => crop.Name == name).Offset;
        Assert.That((Offset("score_pool4c"), Offset("score_pool3c")), Is.EqualTo((5, 9)));
    }

    // The centre of a map's first cell on the image, in halves of a pixel, layer by layer by hand: a convolution or pooling of kernel k adds (k − 1)/2 − padding
    // of its input's cells, an unpadded deconvolution of kernel 2s takes s − 1/2 of its output's.
    [Test]
    public void FcnsMapsAreCentredOnOneAnotherAndOnTheImage()
    {
        double pool3 = -99 + 0.5 + 1 + 2;
        double pool4 = pool3 + 4;
        double scores = pool4 + 8 + (3 * 32);
        double doubled = scores - (1.5 * 16);
        Assert.That(pool4 + (5 * 16), Is.EqualTo(doubled), "score_pool4 cut by 5");
        double again = doubled - (1.5 * 8);
        Assert.That(pool3 + (9 * 8), Is.EqualTo(again), "score_pool3 cut by 9");
        Assert.That(scores - 31.5 + 19, Is.Zero, "32s");
        Assert.That(doubled - 15.5 + 27, Is.Zero, "16s");
        Assert.That(again - 7.5 + 31, Is.Zero, "8s");
    }

    [Test]
    public void FcnSees404PixelsBeforeItEnlarges()
    {
        ModelSummary summary = ModelSummary.Of(Presets.Get("fcn-8s"), 500);
        LayerSummary Of(string name) => summary.Layers.Single(layer => layer.Name == name);
        Assert.Multiple(() =>
        {
            Assert.That(Of("score_fr").ReceptiveField, Is.EqualTo(404));
            // 500 + 198 = 698, 349, 175 (rounded up), 88, 44, 22, and 6 less for the 7×7 kernel.
            Assert.That(Of("score_fr").Size, Is.EqualTo(new Size2(16, 16)));
            Assert.That(Of("upscore2").Size, Is.EqualTo(new Size2(34, 34)));
            Assert.That(Of("upscore_pool4").Size, Is.EqualTo(new Size2(70, 70)));
            Assert.That(Of("score_pool4").Size, Is.EqualTo(new Size2(44, 44)));
            Assert.That(Of("score_pool3").Size, Is.EqualTo(new Size2(88, 88)));
            Assert.That(summary.ReceptiveField, Is.EqualTo(404 + 32 + 16 + 8), "and the neighbours that each interpolation reads");
        });
    }

    [Test]
    public void FcnGivesEverySizeBack([Values(32, 16, 8)] int stride)
    {
        ModelConfig config = new() { Name = "fcn", Fcn = new FcnConfig { Classes = 2, Stride = stride, WidthMultiplier = 1.0 / 64 } };
        var architecture = new Architecture(config);
        foreach (int size in Enumerable.Range(1, 300))
        {
            Assert.That(architecture.OutputSize(new Size2(size, 301 - size)), Is.EqualTo(new Size2(size, 301 - size)));
        }
    }

    [Test]
    public void LearningTheUpsamplingAddsTwoFullKernels()
    {
        ModelConfig config = Presets.Get("fcn-8s");
        ModelSummary learned = ModelSummary.Of(config with { Fcn = config.Fcn! with { LearnUpsampling = true } }, 500);
        ModelSummary given = ModelSummary.Of(config, 500);
        Assert.That(learned.Parameters - given.Parameters, Is.EqualTo(2 * 21 * 21 * 4 * 4));
        Assert.That(learned.Layers.Select(layer => layer.Size), Is.EqualTo(given.Layers.Select(layer => layer.Size)));
    }

    // The paper counts fc6's view in pixels of VGG-16's last pooling, 32 to a cell: the span of its taps at stride 8 and one cell.
    [TestCase("deeplab", 128)]
    [TestCase("deeplab-7x7", 224)]
    [TestCase("deeplab-largefov", 224)]
    public void DeepLabsViewIsThePapers(string name, int pixels)
    {
        LayerSummary fc6 = ModelSummary.Of(Presets.Get(name), 321).Layers.Single(layer => layer.Name == "fc6");
        Assert.That(((fc6.Kernel - 1) * fc6.Dilation * 8) + 32, Is.EqualTo(pixels));
    }

    // All that a score can depend on: 2 pixels for conv1_1, then by hand 5, 15, 43 after stages 1 to 3 with their poolings' 7, 19, 51 between;
    // 99 and 115, 211 and 227 for stages 4 and 5 with theirs; 16 for the average; 8 times the span of fc6.
    [TestCase("deeplab", 227 + (8 * 12))]
    [TestCase("deeplab-7x7", 227 + (8 * 24))]
    [TestCase("deeplab-largefov", 227 + 16 + (8 * 24))]
    [TestCase("deeplab-msc-largefov", 227 + 16 + (8 * 24))]
    public void DeepLabsFieldByHand(string name, int pixels) => Assert.That(ModelSummary.Of(Presets.Get(name), 321).ReceptiveField, Is.EqualTo(pixels));

    [Test]
    public void DeepLabMakes41CellsOf321Pixels([Values("deeplab", "deeplab-7x7", "deeplab-largefov", "deeplab-msc-largefov")] string name)
    {
        ModelSummary summary = ModelSummary.Of(Presets.Get(name), 321);
        int Size(string layer) => summary.Layers.Single(l => l.Name == layer).Size.Height;
        Assert.Multiple(() =>
        {
            Assert.That((Size("pool1"), Size("pool2"), Size("pool3"), Size("pool4"), Size("pool5")), Is.EqualTo((161, 81, 41, 41, 41)));
            Assert.That(summary.Output, Is.EqualTo(new Shape(1, 21, 41, 41)));
            Assert.That((summary.Stride, summary.OutputStride, summary.Margin), Is.EqualTo((8, 8, 0)));
        });
    }

    [Test]
    public void DeepLabHasACellAtEveryEighthPixelOfAnySize([Values(false, true)] bool multiScale)
    {
        ModelConfig config = new() { Name = "deeplab", DeepLab = DeepLabConfig.LargeFov(2, 1.0 / 64) with { MultiScale = multiScale } };
        var architecture = new Architecture(config);
        foreach (int size in Enumerable.Range(1, 100))
        {
            Assert.That(architecture.OutputSize(new Size2(size, 101 - size)), Is.EqualTo(new Size2((size + 7) / 8, (108 - size) / 8)));
        }
    }

    [Test]
    public void MultiScaleJoins640Maps()
    {
        var architecture = new Architecture(Presets.Get("deeplab-msc-largefov"));
        NodePlan joined = architecture.Nodes.Single(node => node.Layer is ConcatPlan);
        Assert.Multiple(() =>
        {
            Assert.That(joined.Layer.OutChannels, Is.EqualTo(640));
            Assert.That(joined.Inputs, Has.Count.EqualTo(5));
            Assert.That(joined.Inputs.Select(input => architecture.Nodes[input].Placement).Select(p => (p.First, p.Jump)), Is.All.EqualTo((0, 8)));
        });
    }

    [Test]
    public void AContextModuleGoesOnDeepLab()
    {
        ModelConfig config = Presets.Get("deeplab-largefov") with { Context = ContextConfig.Basic(21) };
        ModelSummary summary = ModelSummary.Of(config, 321);
        Assert.Multiple(() =>
        {
            Assert.That(summary.Output, Is.EqualTo(new Shape(1, 21, 41, 41)));
            Assert.That(summary.ReceptiveField, Is.EqualTo(435 + (8 * 66)));
            Assert.That(summary.Layers.Count(layer => layer.ContextField is not null), Is.EqualTo(8));
            Assert.That(summary.Margin, Is.Zero);
        });
    }
}
