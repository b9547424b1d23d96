using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Docs;

/// <summary>The C# of the pages. It stands here between the marks, compiled and run; a page shows the same text.</summary>
public class SnippetTests
{
    private const string Begin = "// snippet";
    private const string End = "// end";

    [Test]
    public void FirstConvolution()
    {
        float[] pixels = [.. Enumerable.Range(0, 32 * 32).Select(i => i % 32 < 16 ? 0f : 1f)];

        // snippet
        using Parameter kernel = new("kernel", Tensor.FromArray(Device.Cpu, new Shape(1, 1, 3, 3), [0, 1, 0, 1, -4, 1, 0, 1, 0]));
        using Tensor image = Tensor.FromArray(Device.Cpu, new Shape(1, 1, 32, 32), pixels);
        using Tape tape = Tape.Record();
        Tensor edges = Ops.Conv2d(image, kernel.Value, options: new Conv2dOptions { Dilation = 4, Padding = 4 });
        // end

        Assert.That(edges.Shape, Is.EqualTo(image.Shape));
        Assert.That(edges.ToArray()[(16 * 32) + 13], Is.EqualTo(1), "left of the edge, within the dilation");
    }

    [Test]
    public void SumsOverThreads()
    {
        // snippet
        LocalGroup[] members = LocalGroup.Create(3);
        long[][] sums = new long[3][];
        Thread[] threads = [.. members.Select(member => new Thread(() => sums[member.Rank] = member.Sum([1, member.Rank])))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        // end

        Assert.That(sums, Is.All.EqualTo(new long[] { 3, 3 }));
    }

    [Test]
    public void MeanOverViews()
    {
        ModelConfig config = new() { Name = "small", Fcn = new FcnConfig { Classes = 2, WidthMultiplier = 1.0 / 64, Stride = 8 } };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);

        // snippet
        var predictor = new Predictor(model, views: new PredictionViews([0.75, 1, 1.25], flip: true));
        // end

        Assert.That(predictor.Predict(new RgbImage(40, 33)).Height, Is.EqualTo(33));
    }

    [Test]
    [NonParallelizable]
    public void APrediction()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["run"]);
        PngWriter.Write(folder["photo.jpg"], new RgbImage(40, 33));
        ModelConfig config = new() { Name = "small", Fcn = new FcnConfig { Classes = 2, WidthMultiplier = 1.0 / 64, Stride = 8 } };
        using (SegmentationModel trained = SegmentationModel.Create(Device.Cpu, config, seed: 1))
        {
            ModelFile.Save(folder["run/best.safetensors"], trained);
        }

        string before = Environment.CurrentDirectory;
        try
        {
            Environment.CurrentDirectory = folder.Path;

            // snippet
            using SegmentationModel model = ModelFile.Load("run/best.safetensors", Device.Cpu);
            IndexMask mask = new Predictor(model).Predict(ImageFile.Read("photo.jpg"));
            // end

            Assert.That((mask.Width, mask.Height), Is.EqualTo((40, 33)));
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    // snippet
    private static float[] Mask(int threads)
    {
        using Device device = Device.CreateCpu(threads);
        using Tensor ones = Tensor.FromArray(device, new Shape(1, 1, 64, 64), [.. Enumerable.Repeat(1f, 64 * 64)]);
        using Tape tape = Tape.Inference();
        return Ops.Dropout(ones, 0.5f, seed: 1, layer: 3, step: 10).ToArray();
    }
    // end

    [Test]
    public void NamedRandomNumbers() => Assert.That(Mask(2), Is.EqualTo(Mask(1)).And.Contain(0f).And.Contain(2f));

    [Test]
    public void ThePagesShowThisText()
    {
        Assume.That(SourceTree.Root, Is.Not.Null, "The pages are in the tree, and the tests run without it.");
        string[] file = File.ReadAllLines(Path.Combine(SourceTree.Root!, "tests", "DilatedKernels.Tests", "Docs", "SnippetTests.cs"));
        string[] compiled = [.. Enumerable.Range(0, file.Length).Where(i => file[i].Trim() == Begin).Select(i => Text(file.Skip(i + 1).TakeWhile(line => line.Trim() != End)))];
        string[] shown = [.. DocPages.All.SelectMany(DocPages.Blocks).Where(block => block.Language == "csharp").Select(block => Text(block.Lines.Where(line => !line.StartsWith("using Dilated", StringComparison.Ordinal))))];
        // A package's page begins as the README does.
        Assert.That(shown.Distinct(), Is.EquivalentTo(compiled));
    }

    // Without what the text is indented by, and without empty lines around it.
    private static string Text(IEnumerable<string> lines)
    {
        string[] all = [.. lines];
        int indent = all.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', all.Select(line => line.Length > indent ? line[indent..] : "")).Trim('\n');
    }
}
