using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

public class DatasetCheckerTests
{
    [Test]
    public void AGoodSplitIsCounted()
    {
        using TestDataset data = new();
        data.Add("a", 6, 4).Add("b", 6, 4, seed: 1).Add("c", 5, 7);
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        DatasetReport report = DatasetChecker.Check(folder, "train");
        byte[] labels = [.. folder.Split("train").SelectMany(sample => MaskFile.Read(sample.MaskPath!).Indices)];
        Assert.Multiple(() =>
        {
            Assert.That(report.Problems, Is.Empty);
            Assert.That(report.Warnings, Is.Empty);
            Assert.That(report.SampleCount, Is.EqualTo(3));
            Assert.That(report.ClassPixels, Is.EqualTo(Enumerable.Range(0, 3).Select(c => labels.LongCount(label => label == c))));
            Assert.That(report.VoidPixels, Is.EqualTo(labels.LongCount(label => label == 9)));
            Assert.That(report.ImageSizes, Is.EqualTo(new[] { (new Size2(4, 6), 2), (new Size2(7, 5), 1) }));
            Assert.That(report.ThrowIfUnusable, Throws.Nothing);
        });
    }

    [Test]
    public void EveryProblemIsListedInOrderForAnyNumberOfThreads([Values(1, 4)] int threads)
    {
        using TestDataset data = new();
        foreach (string name in new[] { "a", "b", "c", "d", "e", "f" })
        {
            data.Add(name, 6, 4);
        }

        string brokenImage = data.Folder.Write("train/b.png", File.ReadAllBytes(data.Folder["train/b.png"]).AsSpan(0, 40));
        string brokenMask = data.Folder.Write("trainannot/c.png", "text");
        File.Delete(data.Folder["trainannot/d.png"]);
        MaskFile.Write(data.Folder["trainannot/e.png"], new IndexMask(4, 6), Palette.Voc);
        IndexMask labels = new(6, 4);
        (labels.Indices[8], labels.Indices[20], labels.Indices[21]) = (94, 3, 94);
        MaskFile.Write(data.Folder["trainannot/f.png"], labels, Palette.Voc);
        File.Copy(data.Folder["trainannot/a.png"], data.Folder["trainannot/stray.png"]);

        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train", threads);
        Assert.That(report.Problems, Is.EqualTo(new[]
        {
            new DatasetProblem(brokenImage, "the PNG is cut off: it ends at byte 40 without its IEND chunk."),
            new DatasetProblem(brokenMask, "the file does not start with a PNG signature."),
            new DatasetProblem(data.Folder["train/d.png"], $"the image has no mask; it belongs at {data.Folder["trainannot/d.png"]}."),
            new DatasetProblem(data.Folder["trainannot/e.png"], $"the mask is 4×6, but its image {data.Folder["train/e.png"]} is 6×4 (width×height); they must have the same size."),
            new DatasetProblem(
                data.Folder["trainannot/f.png"],
                "the pixel at x 2, y 1 has the label 94, and 3 of 24 pixels have labels that are no class (unknown labels in this mask: 3, 94); classes are 0 to 2 and void is 9. "
                + "A mask made from colours must hold class numbers, not grey levels."),
            new DatasetProblem(data.Folder["trainannot/stray.png"], $"no image of this name is in {data.Folder["train"]}; add it or remove the mask."),
        }));
        Assert.That(report.ThrowIfUnusable, Throws.TypeOf<UserInputException>().With.Message.StartsWith("The split \"train\" has 6 problems:\n  " + brokenImage));
    }

    [Test]
    public void AnEmptySplitIsAProblem()
    {
        using TestDataset data = new();
        data.Add("a", 6, 4);
        Directory.CreateDirectory(data.Folder["val"]);
        Directory.CreateDirectory(data.Folder["valannot"]);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "val");
        Assert.That(report.Problems, Is.EqualTo(new[] { new DatasetProblem(data.Root, "the split \"val\" has no images. To train without one: --val-split none.") }));
    }

    [Test]
    public void MasksWithoutAnyClassAreAProblem()
    {
        using TestDataset data = new();
        data.Add("a", 6, 4);
        MaskFile.Write(data.Folder["trainannot/a.png"], new IndexMask(6, 4, [.. Enumerable.Repeat((byte)9, 24)]), Palette.Voc);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train");
        Assert.That(report.Problems, Is.EqualTo(new[] { new DatasetProblem(data.Root, "no mask of the split \"train\" has a pixel of any class; all are void (9).") }));
    }

    [Test]
    public void ANameListedTwiceIsAProblem()
    {
        using TemporaryFolder folder = new();
        folder.Write("ImageSets/Segmentation/train.txt", "a\na\n");
        Directory.CreateDirectory(folder["JPEGImages"]);
        Directory.CreateDirectory(folder["SegmentationClass"]);
        PngWriter.Write(folder["JPEGImages/a.png"], new RgbImage(2, 2));
        MaskFile.Write(folder["SegmentationClass/a.png"], new IndexMask(2, 2), Palette.Voc);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(folder.Path), "train");
        Assert.That(report.Problems.Single().Message, Does.Contain("lists \"a\" more than once"));
        Assert.That(report.ClassPixels[0], Is.EqualTo(4));
    }

    [Test]
    public void FilesOfVocFoldersThatAreNotReadAreWarnings()
    {
        using TemporaryFolder folder = new();
        folder.Write("ImageSets/Segmentation/train.txt", "a\n");
        string image = folder.Write("JPEGImages/b.webp", "");
        string mask = folder.Write("SegmentationClass/b.mat", "");
        PngWriter.Write(folder["JPEGImages/a.PNG"], new RgbImage(2, 2));
        MaskFile.Write(folder["SegmentationClass/a.png"], new IndexMask(2, 2), Palette.Voc);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(folder.Path), "train");
        Assert.That(report.Problems, Is.Empty);
        Assert.That(report.Warnings.Take(2).Select(warning => warning.Path), Is.EqualTo(new[] { image, mask }));
    }

    [Test]
    public void FilesThatAreNotReadAreWarnings()
    {
        using TestDataset data = new();
        data.Add("a", 6, 4);
        string[] files = [.. new[] { "train/c.webp", "train/d.bmp", "trainannot/a.jpg" }.Select(name => data.Folder.Write(name, ""))];
        data.Folder.Write("train/.hidden", "");
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train");
        Assert.That(report.Problems, Is.Empty);
        Assert.That(report.Warnings, Is.EqualTo(new[]
        {
            new DatasetProblem(files[0], "the file is not read; images are .png, .jpg or .jpeg files."),
            new DatasetProblem(files[1], "the file is not read; images are .png, .jpg or .jpeg files."),
            new DatasetProblem(files[2], "the file is not read; masks are .png files."),
        }));
    }

    [TestCase(new byte[] { 0, 1, 9, 0 }, "the class \"c\"")]
    [TestCase(new byte[] { 1, 1, 1, 9 }, "the classes \"a\", \"c\"")]
    public void ClassesThatNoMaskHasAreAWarning(byte[] labels, string classes)
    {
        using TestDataset data = new();
        data.Add("a", 4, 1);
        MaskFile.Write(data.Folder["trainannot/a.png"], new IndexMask(4, 1, labels), Palette.Voc);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train");
        Assert.That(report.Problems, Is.Empty);
        Assert.That(report.Warnings, Is.EqualTo(new[] { new DatasetProblem(data.Root, $"no readable mask of the split \"train\" has a pixel of {classes}.") }));
    }

    [Test]
    [Platform(Exclude = "Win,MacOsX", Reason = "Names that differ only in letter case are one file there.")]
    public void MasksThatFitInLetterCaseOnlyAreNotSharedByTwoImages()
    {
        using TestDataset data = new();
        data.Add("a", 6, 4).Add("A", 6, 4).Add("b", 6, 4);
        File.Delete(data.Folder["trainannot/A.png"]);
        string second = data.Folder["trainannot/b.PNG"];
        File.Copy(data.Folder["trainannot/b.png"], second);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train");
        Assert.That(report.Problems.Select(problem => problem.Path), Is.EqualTo(new[] { data.Folder["train/A.png"], second }));
        Assert.That(report.Problems[1].Message, Does.StartWith("the mask is not used"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Pipes are no files there.")]
    public void PipesAreProblemsAndDoNotStopTheCheck()
    {
        using TestDataset data = new();
        using NamedPipe pipe = new(data.Add("a", 6, 4).Add("b", 6, 4).Folder["train/c.png"]);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train");
        Assert.That(report.Problems[0].ToString(), Does.StartWith(data.Folder["train/c.png"]).And.Contains("a pipe or a device"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Pipes are no files there.")]
    public void APipeInPlaceOfTheDescriptionIsRefused()
    {
        using TestDataset data = new();
        File.Delete(data.Add("a", 6, 4).Folder["dataset.json"]);
        using NamedPipe pipe = new(data.Folder["dataset.json"]);
        Assert.That(() => DatasetFolder.Open(data.Root), Throws.TypeOf<UserInputException>().With.Message.StartsWith(data.Folder["dataset.json"]).And.Message.Contains("a pipe or a device"));
    }

    [Test]
    public void ALongListIsShortened()
    {
        DatasetReport report = new()
        {
            Split = "train",
            SampleCount = 30,
            Problems = [.. Enumerable.Range(0, 30).Select(i => new DatasetProblem($"f{i}", "wrong."))],
            ClassPixels = [],
            VoidPixels = 0,
            ImageSizes = [],
        };
        Assert.That(report.ThrowIfUnusable, Throws.TypeOf<UserInputException>().With.Message.EndsWith("\n  f19: wrong.\n  … and 10 more."));
    }

    [Test]
    public void TheCheckReportsProgressAndCanBeStopped()
    {
        using TestDataset data = new();
        data.Add("a", 6, 4).Add("b", 6, 4);
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        Counter counter = new();
        DatasetChecker.Check(folder, "train", threads: 1, counter);
        Assert.That(counter.Seen, Is.EqualTo(new[] { 1, 2 }));
        Assert.That(() => DatasetChecker.Check(folder, "train", cancellationToken: new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
    }

    private sealed class Counter : IProgress<int>
    {
        public List<int> Seen { get; } = [];

        public void Report(int value) => Seen.Add(value);
    }
}
