using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Import;

/// <summary>Networks in Caffe's files, written by an encoder of the tests' own, in every form that Caffe has written.</summary>
public class CaffeImportTests
{
    private static IEnumerable<CaffeForm> Forms() =>
        from v1 in new[] { false, true }
        from four in new[] { false, true }
        from packed in new[] { false, true }
        from isDouble in new[] { false, true }
        select new CaffeForm(v1, four, packed, isDouble);

    [TestCaseSource(nameof(Forms))]
    public void EveryFormGivesTheSameTensors(CaffeForm form)
    {
        using var folder = new TemporaryFolder();
        CaffeBlob weight = new([3, 2, 1, 2], [.. Enumerable.Range(0, 12).Select(i => (i * 0.37f) - 2)]);
        CaffeBlob bias = new([3], [1e-20f, -7, 1e20f]);
        CaffeBlob matrix = new([2, 5], [.. Enumerable.Range(0, 10).Select(i => i * -1.5f)]);
        using WeightSource source = WeightSource.Open(folder.Write("a.caffemodel", CaffeWriter.Write(form, ("conv", [weight, bias]), ("fc", [matrix]))));
        Assert.That(source.Tensors.Select(tensor => tensor.Name), Is.EqualTo(new[] { "conv.weight", "conv.bias", "fc.weight" }));
        Assert.Multiple(() =>
        {
            // In any order, and more than once.
            Assert.That(source.Read(source.Tensors[2]), Is.EqualTo(matrix.Values));
            Assert.That(source.Read(source.Tensors[0]), Is.EqualTo(weight.Values));
            Assert.That(source.Read(source.Tensors[1]), Is.EqualTo(bias.Values));
            Assert.That(source.Read(source.Tensors[0]), Is.EqualTo(weight.Values));
            Assert.That(source.Tensors[0].Shape, Is.EqualTo(new[] { 3, 2, 1, 2 }));
            Assert.That(source.Tensors[1].Shape, Is.EqualTo(form.HasFourExtents ? new[] { 1, 1, 1, 3 } : [3]));
            Assert.That(source.Tensors[2].Shape, Is.EqualTo(form.HasFourExtents ? new[] { 1, 1, 2, 5 } : [2, 5]));
        });
    }

    [TestCase("voc-dilation8")]
    [TestCase("camvid-dilation8")]
    [TestCase("kitti-dilation7")]
    [TestCase("cityscapes-dilation10")]
    public void ThePublishedNetworksLoadByTheirOwnNames(string preset)
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel published = PublishedNetworks.Random(PublishedNetworks.Narrow(preset));
        IEnumerable<(string, CaffeBlob[])> layers = PublishedNetworks.Layers(published, preset);
        if (published.Config.UpsampleInNetwork)
        {
            layers = layers.Append(("ctx_upsample", [new CaffeBlob([published.Classes, 1, 16, 16], new float[published.Classes * 256])]));
        }

        string file = folder.Write("a.caffemodel", CaffeWriter.Write(CaffeForm.Current, layers));
        using SegmentationModel loaded = WeightImport.Load([file], PublishedNetworks.Narrow(preset), Device.Cpu, out ImportReport report);
        AssertEqual(loaded, published, published.Parameters.Select(parameter => parameter.Name));
        Assert.Multiple(() =>
        {
            Assert.That(WeightImport.MeanOf(file), Is.Null);
            Assert.That(report.Loaded.Select(parameter => parameter.Parameter), Is.EqualTo(published.Parameters.Select(parameter => parameter.Name)));
            Assert.That(report.Loaded.Select(parameter => parameter.Change), Is.All.Empty);
            Assert.That(report.Initialized, Is.Empty);
            Assert.That(report.Skipped.Select(tensor => tensor.Source), Is.EqualTo(published.Config.UpsampleInNetwork ? new[] { "ctx_upsample.weight" } : []));
        });
    }

    [Test]
    public void AFrontEndAndAContextModuleComeFromTwoFiles()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel published = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
        (string Layer, CaffeBlob[] Blobs)[] layers = [.. PublishedNetworks.Layers(published, "camvid-dilation8")];
        string front = folder.Write("front.caffemodel", CaffeWriter.Write(CaffeForm.Old, layers.Where(layer => !layer.Layer.StartsWith("ctx", StringComparison.Ordinal))));
        string context = folder.Write("context.caffemodel", CaffeWriter.Write(CaffeForm.Current, layers.Where(layer => layer.Layer.StartsWith("ctx", StringComparison.Ordinal))));
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8");
        using SegmentationModel loaded = WeightImport.Load([front, context], config, Device.Cpu, out ImportReport report);
        AssertEqual(loaded, published, published.Parameters.Select(parameter => parameter.Name));
        Assert.That(report.Initialized, Is.Empty);
        AssertRefused([front, front, context], config, "both in", "conv1_1.weight");
        // Without its trunk a network is nothing; without its context module it starts as in training.
        AssertRefused([context], config, "'conv1_1.weight'", "context.caffemodel");
        using SegmentationModel alone = WeightImport.Load([context], config with { FrontEnd = null }, Device.Cpu, out _);
        AssertEqual(alone, published, published.Context!.Parameters.Select(parameter => parameter.Name));
    }

    [Test]
    public void TheClassificationNetworkBecomesAFrontEnd([Values] bool isOld)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("kitti-dilation7");
        using SegmentationModel vgg = PublishedNetworks.Random(config);
        IEnumerable<(string, CaffeBlob[])> layers = PublishedNetworks.AsClassifier(PublishedNetworks.Layers(vgg, "vgg"))
            .Append(("fc8", [new CaffeBlob([10, 64], new float[640]), new CaffeBlob([10], new float[10])]));
        string file = folder.Write("VGG.caffemodel", CaffeWriter.Write(isOld ? CaffeForm.Old : CaffeForm.Current, layers));
        using SegmentationModel loaded = WeightImport.Load([file], config, Device.Cpu, out ImportReport report, seed: 9);
        using SegmentationModel fresh = SegmentationModel.Create(Device.Cpu, config, seed: 9);
        string[] own = [.. fresh.Parameters.Select(parameter => parameter.Name).Where(name => name.StartsWith("final", StringComparison.Ordinal) || name.StartsWith("context", StringComparison.Ordinal))];
        AssertEqual(loaded, vgg, fresh.Parameters.Select(parameter => parameter.Name).Except(own));
        AssertEqual(loaded, fresh, own);
        Assert.Multiple(() =>
        {
            Assert.That(report.Initialized, Is.EqualTo(own));
            Assert.That(report.Skipped.Select(tensor => tensor.Source), Is.EqualTo(new[] { "fc8.weight", "fc8.bias" }));
            Assert.That(report.Loaded.Single(parameter => parameter.Parameter == "fc6.weight").Change, Is.EqualTo(isOld ? "from [1, 1, 64, 392]" : "from [64, 392]"));
            Assert.That(WeightImport.MeanOf(file), Is.EqualTo(new[] { 103.939, 116.779, 123.68 }));
        });
    }

    [Test]
    public void DeepLabsClassifierIsNotImageNets()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("deeplab-7x7");
        using SegmentationModel published = PublishedNetworks.Random(config);
        string With(string classifier, int classes) => folder.Write($"{classifier}.caffemodel", CaffeWriter.Write(
            CaffeForm.Current,
            PublishedNetworks.Layers(published, "vgg").Append((classifier, [new CaffeBlob([classes, 64, 1, 1], new float[classes * 64]), new CaffeBlob([classes], new float[classes])]))));

        WeightImport.Load([With("fc8", 10)], config, Device.Cpu, out ImportReport report).Dispose();
        Assert.That(report.Initialized, Is.EqualTo(new[] { "fc8.weight", "fc8.bias" }));
        Assert.That(report.Skipped.Select(tensor => tensor.Reason), Is.All.Contains("ImageNet"));
        WeightImport.Load([With("fc8_voc12", 21)], config, Device.Cpu, out report).Dispose();
        Assert.That(report.Initialized, Is.Empty);
        Assert.That(report.Loaded[^1], Is.EqualTo(new ImportedParameter("fc8.bias", "fc8_voc12.bias", "")));
    }

    [Test]
    public void LayersCanKeepTheirInitialValues()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel published = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
        string file = folder.Write("a.caffemodel", CaffeWriter.Write(CaffeForm.Current, PublishedNetworks.Layers(published, "camvid-dilation8")));
        ModelConfig config = new() { Name = "other", FrontEnd = FrontEndConfig.Vgg16(5, 1.0 / 64) };
        AssertRefused([file], config, "'final.weight' has shape [11, 64, 1, 1]", "[5, 64, 1, 1]");
        using SegmentationModel loaded = WeightImport.Load([file], config, Device.Cpu, out ImportReport report, fresh: ["final"]);
        Assert.That(report.Initialized, Is.EqualTo(new[] { "final.weight", "final.bias" }));
        Assert.That(report.Skipped.Select(tensor => tensor.Source), Does.Contain("final.weight").And.Contain("ctx_fc1.bias"));
        Assert.That(
            () => WeightImport.Load([file], config, Device.Cpu, out _, fresh: ["last"]),
            Throws.TypeOf<UserInputException>().With.Message.Contains("'last'").And.Message.Contains("conv1_1, conv1_2"));
    }

    [Test]
    public void WhatDoesNotFitIsNamed()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8");
        using SegmentationModel published = PublishedNetworks.Random(config);
        (string Layer, CaffeBlob[] Blobs)[] layers = [.. PublishedNetworks.Layers(published, "camvid-dilation8")];
        string With(string name, params IEnumerable<(string, CaffeBlob[])> changed) => folder.Write(name, CaffeWriter.Write(CaffeForm.Current, changed));

        AssertRefused([With("missing", layers.Where(layer => layer.Layer != "conv3_2"))], config, "missing", "'conv3_2.weight'");
        AssertRefused([With("half", layers.Where(layer => layer.Layer != "ctx_conv4_1"))], config, "'ctx_conv4_1.weight'", "context.conv5.weight");
        AssertRefused([With("nobias", layers.Select(layer => layer.Layer == "fc7" ? (layer.Layer, layer.Blobs[..1]) : layer))], config, "'fc7.bias'");
        AssertRefused([With("deeper", layers.Append(("conv3_4", [layers[0].Blobs[0]])))], config, "'conv3_4.weight' has no place");
        AssertRefused([With("context", layers.Append(("ctx_conv6_1", [layers[0].Blobs[0]])))], config, "'ctx_conv6_1.weight' has no place");
        AssertRefused([With("twice", layers.Append(layers[3]))], config, "two layers", "'conv2_2'");
        AssertRefused([With("none", ("a", [layers[0].Blobs[0]]), ("b", [layers[0].Blobs[0]]))], config, "no array belongs", "'a.weight', 'b.weight'", "features.0.weight");
        layers[1].Blobs[1].Values[0] = float.NaN;
        AssertRefused([With("nan", layers)], config, "'conv1_2.bias' holds NaN at index 0");
    }

    [Test]
    public void OtherFilesAreNamedForWhatTheyAre()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow("camvid-dilation8");
        AssertRefused([folder.Write("a.pth", "PK\u0003\u0004archive")], config, "a.pth", "PyTorch");
        AssertRefused([folder.Write("old.pt", [0x80, 2, 0x8a, 10, 1, 2])], config, "PyTorch");
        AssertRefused([folder.Write("a.caffemodel.h5", [0x89, (byte)'H', (byte)'D', (byte)'F', 13, 10, 26, 10, 0])], config, "HDF5");
        AssertRefused([folder.Write("a.txt", "layer { name: \"conv\" }")], config, "a.txt", "neither");
        AssertRefused([folder.Write("empty", [])], config, "is empty");
        AssertRefused([folder.Write("nothing.caffemodel", new Protobuf().Text(1, "net").ToArray())], config, "no layer with weights");
    }

    private static void AssertEqual(SegmentationModel actual, SegmentationModel expected, IEnumerable<string> parameters)
    {
        foreach (string name in parameters)
        {
            Assert.That(PublishedNetworks.Values(actual, name).AsSpan().SequenceEqual(PublishedNetworks.Values(expected, name)), Is.True, name);
        }
    }

    private static void AssertRefused(string[] files, ModelConfig config, params string[] message)
    {
        UserInputException refusal = Assert.Throws<UserInputException>(() => WeightImport.Load(files, config, Device.Cpu, out _).Dispose())!;
        foreach (string part in message)
        {
            Assert.That(refusal.Message, Does.Contain(part));
        }
    }
}
