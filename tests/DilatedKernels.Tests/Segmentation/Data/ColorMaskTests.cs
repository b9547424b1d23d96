using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

/// <summary>Masks that hold colours: one finding for all of them, and their conversion to class numbers.</summary>
public class ColorMaskTests
{
    private const string NoPalette = """{ "classes": ["a", "b", "c"], "void": 9 }""";
    private static readonly (byte, byte, byte)[] Own = [(1, 2, 3), (4, 5, 6), (7, 8, 9), (1, 2, 3)];

    [Test]
    public void AllMasksOfAFolderAreOneFinding()
    {
        using TestDataset data = Dataset(TestDataset.Description, Own, 3);
        DatasetReport report = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train");
        Assert.That(report.Problems, Is.EqualTo(new[]
        {
            new DatasetProblem(
                data.Folder["trainannot"],
                "all 3 masks hold colours, not class numbers; 3 colours occur: (1, 2, 3) 50 %, (4, 5, 6) 25 %, (7, 8, 9) 25 %. "
                + $"All are in the palette in {data.Folder["dataset.json"]}. Masks of class numbers are written by: dilated check-data {data.Root} --convert-masks {data.Root}-indexed"),
        }));
    }

    [Test]
    public void ColorsThatThePaletteLacksAreNamed()
    {
        using TestDataset data = Dataset(TestDataset.Description, [.. Own[..3], (200, 100, 0)], 1);
        string message = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train").Problems.Single().Message;
        Assert.That(message, Does.StartWith("the mask holds colours").And.Contains("but not (200, 100, 0) (25 % of the pixels)").And.EndsWith("--unknown void"));
    }

    [TestCase("""{ "classes": ["sky", "Road"] }""", "All are in CamVid's palette, which it probably is.", "--palette camvid")]
    [TestCase("""{ "classes": ["Himmel", "Road"] }""", "They are probably those of CamVid's palette, which has no class \"Himmel\". Give each class its colour in the \"palette\" of ", "-indexed")]
    public void AKnownPaletteIsRecognised(string description, string guess, string command)
    {
        using TestDataset data = Dataset(description, [(128, 128, 128), (128, 64, 128), (0, 0, 0), (128, 128, 128)], 1);
        string message = DatasetChecker.Check(DatasetFolder.Open(data.Root), "train").Problems.Single().Message;
        Assert.That(message, Does.Contain(guess).And.EndsWith(command));
    }

    [Test]
    public void ColorsOfNoPaletteAreSaidToBeUnknown()
    {
        using TestDataset data = Dataset(NoPalette, Own, 1);
        Assert.That(DatasetChecker.Check(DatasetFolder.Open(data.Root), "train").Problems.Single().Message, Does.Contain("They are of no palette that is known here. Give each class its colour"));
    }

    [Test]
    public void APhotographIsNoPalette()
    {
        using TestDataset data = Dataset(TestDataset.Description, Own, 1);
        RgbImage noise = new(32, 32);
        new Random(1).NextBytes(noise.Pixels);
        PngWriter.Write(data.Folder["train/0.png"], noise);
        PngWriter.Write(data.Folder["trainannot/0.png"], noise);
        Assert.That(DatasetChecker.Check(DatasetFolder.Open(data.Root), "train").Problems.Single().Message, Does.Contain("more than 256 colours occur").And.Contains("smooth resizing"));
    }

    [Test]
    public void MasksOfAnotherSizeAreStillFound()
    {
        using TestDataset data = Dataset(TestDataset.Description, Own, 1);
        PngWriter.Write(data.Folder["train/0.png"], new RgbImage(5, 5));
        Assert.That(DatasetChecker.Check(DatasetFolder.Open(data.Root), "train").Problems[1].Message, Does.StartWith("the mask is 2×2, but its image"));
    }

    [Test]
    public void ConvertedMasksHoldTheLabelsOfTheDataset()
    {
        using TestDataset data = Dataset("""{ "classes": ["sky", "Road"], "void": 7 }""", [(128, 128, 128), (128, 64, 128), (0, 0, 0), (128, 128, 128)], 2);
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        MaskFile.Write(data.Folder["trainannot/1.png"], new IndexMask(2, 2, [0, 0, 7, 1]), Palette.Voc);
        string target = data.Folder["new"];
        Assert.That(MaskConversion.Run(folder, ColorCode.Known("camvid", folder), target, unknownIsVoid: false, default), Is.EqualTo((2, 0L)));
        Assert.That(MaskFile.Read(data.Folder["new/trainannot/0.png"]).Indices, Is.EqualTo(new byte[] { 0, 1, 7, 0 }));
        Assert.That(MaskFile.Read(data.Folder["new/trainannot/1.png"]).Indices, Is.EqualTo(new byte[] { 0, 0, 7, 1 }));
        byte[] shown = ImageFile.Read(data.Folder["new/trainannot/0.png"]).Pixels;
        Assert.That(shown[..6], Is.EqualTo(new byte[] { 128, 128, 128, 128, 64, 128 }));
        Assert.That(() => MaskConversion.Run(folder, ColorCode.Known("camvid", folder), target, false, default), Throws.TypeOf<UserInputException>().With.Message.EndsWith("exists already; name a new folder for the masks."));
    }

    [Test]
    public void AnUnknownColorIsRefusedAndLeavesNothing()
    {
        using TestDataset data = Dataset(TestDataset.Description, [.. Own[..3], (200, 100, 0)], 1);
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        ColorCode code = ColorCode.Own(folder)!;
        Assert.That(
            () => MaskConversion.Run(folder, code, data.Folder["new"], unknownIsVoid: false, default),
            Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{data.Folder["trainannot/0.png"]}: the pixel at x 1, y 1 has the colour (200, 100, 0), which is not in the palette in "));
        Assert.That(Directory.GetDirectories(data.Root).Select(Path.GetFileName), Is.EquivalentTo(new[] { "train", "trainannot" }));
        Assert.That(MaskConversion.Run(folder, code, data.Folder["new"], unknownIsVoid: true, default), Is.EqualTo((1, 1L)));
        Assert.That(MaskFile.Read(data.Folder["new/trainannot/0.png"]).Indices, Is.EqualTo(new byte[] { 0, 1, 2, 9 }));
    }

    [Test]
    public void MasksOfClassNumbersNeedNoConversion()
    {
        using TestDataset data = new();
        DatasetFolder folder = DatasetFolder.Open(data.Add("a", 4, 4).Root);
        Assert.That(() => MaskConversion.Run(folder, ColorCode.Own(folder)!, data.Folder["new"], false, default), Throws.TypeOf<UserInputException>().With.Message.Contains("nothing to convert"));
        Assert.That(Directory.Exists(data.Folder["new"]), Is.False);
    }

    [Test]
    public void PalettesGoByTheNamesOfTheClasses()
    {
        using TestDataset data = new(NoPalette);
        DatasetFolder folder = DatasetFolder.Open(data.Add("a", 4, 4).Root);
        string reversed = data.Folder.Write("colors.json", """{ "classes": ["c", "b", "a"], "palette": [[7, 8, 9], [4, 5, 6], [1, 2, 3]] }""");
        ColorCode code = ColorCode.Read(reversed, folder);
        Assert.That(code.TryGetLabel(0x010203, out byte label) ? label : -1, Is.Zero);
        Assert.That(code.TryGetLabel(0x070809, out label) ? label : -1, Is.EqualTo(2));
        Assert.That(ColorCode.Own(folder), Is.Null);
        Assert.That(() => ColorCode.Known("voc", folder), Throws.TypeOf<UserInputException>().With.Message.Contains("has no colour for \"a\", \"b\", \"c\""));
        string twice = data.Folder.Write("twice.json", """{ "palette": [[7, 8, 9], [4, 5, 6], [7, 8, 9]] }""");
        Assert.That(() => ColorCode.Read(twice, folder), Throws.TypeOf<UserInputException>().With.Message.Contains("(7, 8, 9) for both label 0 and label 2"));
        Assert.That(() => ColorCode.Read(data.Folder["dataset.json"], folder), Throws.TypeOf<UserInputException>().With.Message.Contains("the file has no \"palette\""));
    }

    private static TestDataset Dataset(string description, (byte R, byte G, byte B)[] colors, int masks)
    {
        TestDataset data = new(description);
        RgbImage mask = new(2, 2, [.. colors.SelectMany(color => new[] { color.R, color.G, color.B })]);
        for (int i = 0; i < masks; i++)
        {
            data.Add($"{i}", 2, 2);
            PngWriter.Write(data.Folder[$"trainannot/{i}.png"], mask);
        }

        return data;
    }
}
