using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Tests.Segmentation.Training;

public sealed class MedianFrequencyTests
{
    [Test]
    public void AClassIsCountedInItsOwnImagesAlone()
    {
        using var folder = new TemporaryFolder();
        folder.Write("dataset.json", """
            { "name": "d", "classes": ["a", "b", "c", "never"], "palette": [[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 3, 3]], "void": 255, "meanBgr": [80, 80, 80] }
            """);
        // a: 5 of 8 pixels, b: 2 of 8, c: 1 of 4, in whose image one is void.
        Add(0, [0, 0, 0, 1]);
        Add(1, [0, 0, 1, 255]);
        Add(2, [2, 255, 255, 255]);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(folder.Path), "train");
        Assert.That(report.ClassImagePixels, Is.EqualTo(new[] { 8, 8, 4, 0 }));
        Assert.That(MedianFrequency.Weights(report), Is.EqualTo(new[] { 0.25 / (5 / 8.0), 1, 1, 0 }));

        void Add(int index, byte[] labels)
        {
            Directory.CreateDirectory(folder["train"]);
            Directory.CreateDirectory(folder["trainannot"]);
            PngWriter.Write(folder[$"train/{index}.png"], new RgbImage(2, 2));
            MaskFile.Write(folder[$"trainannot/{index}.png"], new IndexMask(2, 2, labels), new Palette([.. Enumerable.Range(0, 256).Select(i => ((byte)i, (byte)i, (byte)i))]));
        }
    }

    [Test]
    public void AnEvenNumberOfClassesHasTheMeanOfTheMiddleTwo() =>
        Assert.That(MedianFrequency.Weights(Report([10, 20, 40, 80], [100, 100, 100, 100])), Is.EqualTo(new[] { 3, 1.5, 0.75, 0.375 }).Within(1e-12));

    [Test]
    public void NothingLabelledHasNoFrequency() => Assert.That(
        () => MedianFrequency.Weights(Report([0, 0], [0, 0])), Throws.TypeOf<UserInputException>().With.Message.Contains("\"train\" has no labelled pixel"));

    private static DatasetReport Report(long[] own, long[] all) => new()
    {
        Split = "train",
        SampleCount = 1,
        Problems = [],
        ClassPixels = own,
        ClassImagePixels = all,
        VoidPixels = 0,
        ImageSizes = [],
    };
}
