using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Import;

/// <summary>VGG-16 from safetensors with torchvision's and timm's names, and its change of input convention.</summary>
public class TorchImportTests
{
    private static readonly double[] MeanRgb = [0.485, 0.456, 0.406];
    private static readonly double[] DeviationRgb = [0.229, 0.224, 0.225];

    [Test]
    public void BothNamingsLoad([Values] bool isTimm)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8");
        using SegmentationModel vgg = PublishedNetworks.Random(config);
        SafetensorsWriter.Write(folder["vgg16.safetensors"], PublishedNetworks.Torch(vgg, isTimm));
        using SegmentationModel loaded = WeightImport.Load([folder["vgg16.safetensors"]], config, Device.Cpu, out ImportReport report);
        Assert.Multiple(() =>
        {
            foreach ((string layer, _) in PublishedNetworks.Names("vgg").Skip(1))
            {
                Assert.That(PublishedNetworks.Values(loaded, layer + ".weight"), Is.EqualTo(PublishedNetworks.Values(vgg, layer + ".weight")), layer);
                Assert.That(PublishedNetworks.Values(loaded, layer + ".bias"), Is.EqualTo(PublishedNetworks.Values(vgg, layer + ".bias")), layer);
            }

            Assert.That(report.Kinds, Is.EqualTo(new[] { isTimm ? "VGG with timm's names" : "VGG with torchvision's names" }));
            Assert.That(report.Skipped, Has.Count.EqualTo(2));
            Assert.That(report.Skipped.Select(tensor => tensor.Reason), Is.All.Contains("ImageNet"));
            Assert.That(report.Loaded, Has.Count.EqualTo(30));
            Assert.That(report.Loaded.Single(parameter => parameter.Parameter == "fc6.weight").Change, Is.EqualTo(isTimm ? "" : "from [64, 392]"));
            Assert.That(report.Initialized.Take(2), Is.EqualTo(new[] { "final.weight", "final.bias" }));
            Assert.That(report.Notes, Is.Empty);
        });
    }

    // The second network multiplies its input, too.
    [TestCase(1)]
    [TestCase(1.0 / 64)]
    public void TheFirstLayerGivesWhatItGaveOnNormalisedInput(double scale)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8") with { InputScale = scale };
        config = config with { FrontEnd = config.FrontEnd! with { WidthMultiplier = 1.0 / 16 } };
        using SegmentationModel vgg = PublishedNetworks.Random(config);
        SafetensorsWriter.Write(folder["vgg16.safetensors"], PublishedNetworks.Torch(vgg, isTimm: false));
        using SegmentationModel loaded = WeightImport.Load([folder["vgg16.safetensors"]], config, Device.Cpu, out _);
        const int Size = 9;
        Array4 pixels = Array4.From(new Shape(1, 3, Size, Size), (_, c, h, w) => ((c * 97) + (h * 31) + (w * 57)) % 256);
        Array4 normalised = Array4.From(pixels.Shape, (n, c, h, w) => ((pixels[n, c, h, w] / 255) - MeanRgb[c]) / DeviationRgb[c]);
        Array4 ours = Array4.From(pixels.Shape, (n, c, h, w) => scale * (pixels[n, 2 - c, h, w] - config.MeanBgr[c]));

        float[] weight = PublishedNetworks.Values(vgg, "conv1_1.weight");
        float[] bias = PublishedNetworks.Values(vgg, "conv1_1.bias");
        double[] expected = Convolve(normalised, Array.ConvertAll(weight, w => (double)w), Array.ConvertAll(bias, b => (double)b));
        (double[] converted, double[] shifted) = PixelScale.Torchvision.ToOurs(weight, bias, config.MeanBgr, scale);
        Assert.That(RelativeError(Convolve(ours, converted, shifted), expected), Is.LessThan(1e-13));

        // Rounded once to float32, as the network holds it.
        double[] stored = Convolve(ours, Widen(PublishedNetworks.Values(loaded, "conv1_1.weight")), Widen(PublishedNetworks.Values(loaded, "conv1_1.bias")));
        Assert.That(RelativeError(stored, expected), Is.LessThan(1e-6));

        (double[] back, double[] unshifted) = PixelScale.Torchvision.FromOurs(Narrow(converted), Narrow(shifted), config.MeanBgr, scale);
        Assert.That(RelativeError(Convolve(normalised, back, unshifted), expected), Is.LessThan(1e-6));
    }

    [Test]
    public void APaddedFirstLayerIsExactOnlyWithTheWeightsOwnMean()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("fcn-8s");
        using SegmentationModel vgg = PublishedNetworks.Random(config);
        SafetensorsWriter.Write(folder["vgg16.safetensors"], PublishedNetworks.Torch(vgg, isTimm: false));
        WeightImport.Load([folder["vgg16.safetensors"]], config, Device.Cpu, out ImportReport report).Dispose();
        Assert.That(report.Notes, Has.Count.EqualTo(1));
        Assert.That(report.Notes[0], Does.Contain("conv1_1 is padded"));
        WeightImport.Load([folder["vgg16.safetensors"]], config with { MeanBgr = PixelScale.Torchvision.MeanBgr }, Device.Cpu, out report).Dispose();
        Assert.That(report.Notes, Is.Empty);
    }

    [Test]
    public void NetworksOfAnotherHeadTakeTheConvolutions()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("deeplab-msc-largefov");
        using SegmentationModel vgg = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
        SafetensorsWriter.Write(folder["vgg16.safetensors"], PublishedNetworks.Torch(vgg, isTimm: false));
        AssertRefused(folder["vgg16.safetensors"], config, "'classifier.0.weight' has shape [64, 392]", "[16, 8, 3, 3]", "--fresh fc6");
        using SegmentationModel loaded = WeightImport.Load([folder["vgg16.safetensors"]], config, Device.Cpu, out ImportReport report, fresh: ["fc6", "fc7"]);
        Assert.That(PublishedNetworks.Values(loaded, "conv5_3.weight"), Is.EqualTo(PublishedNetworks.Values(vgg, "conv5_3.weight")));
        Assert.That(report.Loaded, Has.Count.EqualTo(26));
        Assert.That(report.Initialized, Does.Contain("fc6.weight").And.Contain("fc8.bias").And.Contain("msc_image_1.weight"));
        Assert.That(report.Skipped.Select(tensor => tensor.Source), Does.Contain("classifier.0.weight").And.Contain("classifier.6.weight"));
    }

    [Test]
    public void WithTheWeightsOwnMeanTheBiasStays()
    {
        float[] weight = [.. Enumerable.Range(0, 54).Select(i => i - 20f)];
        (_, double[] bias) = PixelScale.Torchvision.ToOurs(weight, [1, 2], PixelScale.Torchvision.MeanBgr, 1);
        Assert.That(bias, Is.EqualTo(new double[] { 1, 2 }));
    }

    [Test]
    public void DeeperNetworksAndBatchNormalisationAreRefused()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8");
        using SegmentationModel vgg = PublishedNetworks.Random(config);
        (string Name, int[] Shape, ReadOnlyMemory<float> Values)[] arrays = [.. PublishedNetworks.Torch(vgg, isTimm: false)];
        string With(string name, params IEnumerable<(string, int[], ReadOnlyMemory<float>)> changed)
        {
            SafetensorsWriter.Write(folder[name], changed);
            return folder[name];
        }

        AssertRefused(With("bn", arrays.Append(("features.1.running_mean", [1], new float[1]))), config, "features.1.running_mean", "batch normalisation");
        AssertRefused(With("deeper", arrays.Append(("features.16.weight", [1], new float[1]))), config, "'features.16.weight' has no place");
        AssertRefused(With("missing", arrays.Where(array => array.Name != "classifier.3.bias")), config, "'classifier.3.bias'", "fc7.bias");
        AssertRefused(With("shape", arrays.Select(array => array.Name == "features.2.weight" ? (array.Name, [9], new float[9]) : array)), config, "'features.2.weight' has shape [9]", "[1, 1, 3, 3]");
        Assert.That(() => WeightImport.MeanOf(folder.Write("cut", File.ReadAllBytes(folder["deeper"]).AsSpan(0, 200))), Throws.TypeOf<SafetensorsException>());
    }

    [Test]
    public void HalvesOfAFirstLayerForDifferentInputsAreRefused()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8");
        using SegmentationModel vgg = PublishedNetworks.Random(config);
        SafetensorsWriter.Write(folder["weights"], PublishedNetworks.Torch(vgg, isTimm: false).Where(array => array.Name != "features.0.bias"));
        SafetensorsWriter.Write(folder["bias"], [("conv1_1.bias", [1], new float[1])]);
        Assert.That(
            () => WeightImport.Load([folder["weights"], folder["bias"]], config, Device.Cpu, out _).Dispose(),
            Throws.TypeOf<UserInputException>().With.Message.Contains(folder["bias"]).And.Message.Contains("conv1_1.weight").And.Message.Contains("one of them"));
    }

    [Test]
    public void ACheckpointOfOurOwnBringsItsMeanAndKeepsItsScale()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("fcn-8s") with { InputScale = 1.0 / 64, MeanBgr = [1, 2, 3] };
        using SegmentationModel model = PublishedNetworks.Random(config);
        ModelFile.Save(folder["own.safetensors"], model);
        Assert.That(WeightImport.MeanOf(folder["own.safetensors"]), Is.EqualTo(new[] { 1, 2, 3 }));
        WeightImport.Load([folder["own.safetensors"]], config, Device.Cpu, out _).Dispose();
        AssertRefused(folder["own.safetensors"], config with { InputScale = 1 }, "own.safetensors", "0.015625", "--weights");
    }

    private static void AssertRefused(string file, ModelConfig config, params string[] message)
    {
        UserInputException refusal = Assert.Throws<UserInputException>(() => WeightImport.Load([file], config, Device.Cpu, out _).Dispose())!;
        foreach (string part in message)
        {
            Assert.That(refusal.Message, Does.Contain(part));
        }
    }

    /// <summary>An unpadded 3×3 cross-correlation by its definition.</summary>
    private static double[] Convolve(Array4 x, double[] weight, double[] bias)
    {
        int size = x.Shape.H - 2;
        return Array4.From(new Shape(1, bias.Length, size, size), (_, o, h, w) =>
        {
            double sum = bias[o];
            for (int i = 0; i < 27; i++)
            {
                sum += weight[(o * 27) + i] * x[0, i / 9, h + (i / 3 % 3), w + (i % 3)];
            }

            return sum;
        }).Values;
    }

    private static double RelativeError(double[] actual, double[] expected) =>
        Error.OrInfinite(Math.Sqrt(actual.Zip(expected, (a, b) => (a - b) * (a - b)).Sum() / expected.Sum(b => b * b)));

    private static double[] Widen(float[] values) => Array.ConvertAll(values, value => (double)value);

    private static float[] Narrow(double[] values) => Array.ConvertAll(values, value => (float)value);
}
