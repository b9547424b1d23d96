using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

public class CheckDataCommandTests
{
    [Test]
    public void TheCommandThatTheFindingNamesConvertsTheMasks()
    {
        using TemporaryFolder folder = new();
        string data = SmallDataset.Create(folder);
        foreach (string mask in Directory.EnumerateFiles(data, "*.png", SearchOption.AllDirectories).Where(file => file.Contains("annot", StringComparison.Ordinal)).ToArray())
        {
            PngWriter.Write(mask, ImageFile.Read(mask));
        }

        DilatedProcess.Result check = DilatedProcess.Run(folder.Path, "check-data", "data");
        Assert.That(check.ExitCode, Is.EqualTo(2), check.Error);
        Assert.That(check.Output.ReplaceLineEndings("\n"), Does.Contain("problem: data/trainannot, data/valannot: all 6 masks hold colours").And.Contains("dilated.dll check-data data --convert-masks data-indexed").And.EndsWith("1 problem.\n"));
        DilatedProcess.Result converted = DilatedProcess.Run(folder.Path, "check-data", "data", "--convert-masks", "data-indexed");
        Assert.That(converted.ExitCode, Is.Zero, converted.Error);
        Assert.That(converted.Output.ReplaceLineEndings("\n"), Does.StartWith("6 masks are in data-indexed.\nPut trainannot/, valannot/ from there in the place of those in data"));
        foreach (string name in new[] { "trainannot", "valannot" })
        {
            Directory.Delete(folder[$"data/{name}"], recursive: true);
            Directory.Move(folder[$"data-indexed/{name}"], folder[$"data/{name}"]);
        }

        DilatedProcess.Result again = DilatedProcess.Run(folder.Path, "check-data", "data");
        Assert.That(again.Output.ReplaceLineEndings("\n"), Does.Contain("\nNo problems.\nNext: "), again.Error);
    }

    [Test]
    public void ManySizesAreSummedUp()
    {
        using TemporaryFolder folder = new();
        string data = SmallDataset.Create(folder, training: 13);
        for (int i = 0; i < 12; i++)
        {
            PngWriter.Write(folder[$"data/train/{i}.png"], new RgbImage(20 + (2 * i), 10 + i, new byte[3 * (20 + (2 * i)) * (10 + i)]));
            MaskFile.Write(folder[$"data/trainannot/{i}.png"], new IndexMask(20 + (2 * i), 10 + i), new Palette([(0, 0, 0), (255, 255, 255)]));
        }

        File.Copy(folder["data/train/11.png"], folder["data/train/12.png"], overwrite: true);
        File.Copy(folder["data/trainannot/11.png"], folder["data/trainannot/12.png"], overwrite: true);
        DilatedProcess.Result check = DilatedProcess.Run(folder.Path, "check-data", data);
        string[] lines = check.Output.ReplaceLineEndings("\n").Split('\n');
        Assert.That(lines[1], Is.EqualTo("       2 of 21x42 (height x width)"));
        Assert.That(lines[10], Is.EqualTo("       3 of 3 other sizes, 18 to 20 high and 36 to 40 wide"));
    }

    [Test]
    public void AMaskInSeveralSplitsCountsOnce()
    {
        using TemporaryFolder folder = new();
        folder.Write("voc/ImageSets/Segmentation/train.txt", "a\nb\n");
        folder.Write("voc/ImageSets/Segmentation/trainval.txt", "a\nb\n");
        Directory.CreateDirectory(folder["voc/JPEGImages"]);
        Directory.CreateDirectory(folder["voc/SegmentationClass"]);
        RgbImage mask = new(2, 1, [128, 0, 0, 224, 224, 192]);
        foreach (string name in new[] { "a", "b" })
        {
            PngWriter.Write(folder[$"voc/JPEGImages/{name}.png"], mask);
            PngWriter.Write(folder[$"voc/SegmentationClass/{name}.png"], mask);
        }

        DilatedProcess.Result check = DilatedProcess.Run(folder.Path, "check-data", "voc");
        Assert.That(check.Output, Does.Contain("problem: voc/SegmentationClass: all 2 masks hold colours").And.Contains("All are in Pascal VOC's palette."), check.Error);
        DilatedProcess.Result converted = DilatedProcess.Run(folder.Path, "check-data", "voc", "--convert-masks", "new");
        Assert.That(converted.Output, Does.StartWith("2 masks are in new."), converted.Error);
        Assert.That(MaskFile.Read(folder["new/SegmentationClass/b.png"]).Indices, Is.EqualTo(new byte[] { 1, 255 }));
    }

    [TestCase("--palette would have no effect", "--palette", "voc")]
    [TestCase("--unknown can only be void", "--convert-masks", "new", "--unknown", "background")]
    [TestCase("its name is empty", "--convert-masks", "")]
    [TestCase("there is no such file; it is one of voc, camvid, cityscapes, or a JSON file", "--convert-masks", "new", "--palette", "nowhere.json")]
    [TestCase("exists already", "--convert-masks", "data")]
    [TestCase("nothing to convert", "--convert-masks", "new")]
    public void WrongOptionsAreRefused(string message, params string[] options)
    {
        using TemporaryFolder folder = new();
        SmallDataset.Create(folder);
        DilatedProcess.AssertRefused(folder, ["check-data", "data", .. options], message);
        Assert.That(Directory.Exists(folder["new"]), Is.False, "nothing is written");
    }
}
