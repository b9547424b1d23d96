using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Data.Finding;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data.Finding;

public class DescriptionWriterTests
{
    private static readonly string[] s_names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

    [Test]
    public void WhatIsWrittenReadsTheFolderAsItIs()
    {
        using FoundFolder folder = Flat();
        DescriptionWriter.Write(folder.Root, default);
        DatasetFolder data = DatasetFolder.Open(folder.Root);
        Assert.That(data.Classes.Names, Is.EqualTo(new[] { "black", "red" }));
        Assert.That(data.Splits, Is.EqualTo(new[] { "train", "val" }));
        Assert.That((data.Split("train").Count, data.Split("val").Count), Is.EqualTo((8, 2)));
        Assert.That(data.Split("train").Concat(data.Split("val")).Select(sample => sample.Name).Order(), Is.EqualTo(s_names), "each image is in one of them");
        foreach (string split in data.Splits)
        {
            DatasetReport report = DatasetChecker.Check(data, split);
            Assert.That(report.Problems, Is.Empty);
            Assert.That(report.ClassPixels, Is.EqualTo(Enumerable.Repeat(64L * report.SampleCount, 2)));
        }

        // A JPEG of grey 60 and 200.
        Assert.That(data.Classes.MeanBgr, Is.EqualTo((130.0, 130.0, 130.0)));
        Assert.That(DatasetChecker.Check(data, "val").MeanBgr, Is.EqualTo((130.0, 130.0, 130.0)));
        DecodedSample sample = SampleReader.Read(data.Split("val")[0], data.Classes);
        Assert.That((sample.Mask.Indices[0], sample.Mask.Indices[^1]), Is.EqualTo(((byte)0, (byte)1)));
    }

    [Test]
    public void TheKeptImagesFollowFromTheSeedAndStayWhenOthersCome()
    {
        using FoundFolder folder = Flat();
        DescriptionWriter.Write(folder.Root, default);
        string[] before = [.. DatasetFolder.Open(folder.Root).Split("val").Select(sample => sample.Name)];
        folder.Photos("photos/k.jpg").Masks("labels/k_mask.png");
        string[] after = [.. DatasetFolder.Open(folder.Root).Split("val").Select(sample => sample.Name)];
        Assert.That(before.Except(after).Count() + after.Except(before).Count(), Is.LessThanOrEqualTo(2), "one image changes one at most");
        string path = DatasetDescription.PathIn(folder.Root);
        string[] seeds = [.. Enumerable.Range(1, 5).Select(seed =>
        {
            File.WriteAllText(path, System.Text.RegularExpressions.Regex.Replace(File.ReadAllText(path), "\"valSeed\": \\d+", $"\"valSeed\": {seed}"));
            return string.Join(' ', DatasetFolder.Open(folder.Root).Split("val").Select(sample => sample.Name));
        })];
        Assert.That(seeds.Distinct().Count(), Is.GreaterThan(1), "another seed keeps others");
        Assert.That(seeds[0], Is.EqualTo(string.Join(' ', after)));
    }

    [Test]
    public void WhatADescriptionSaysStays()
    {
        using FoundFolder folder = Flat();
        folder.Folder.Write("dataset.json", """{ "name": "mine", "classes": ["ground", "leaf"], "palette": [[0, 0, 0], [255, 0, 0]], "maskValues": "colors" }""");
        Assert.That(DescriptionWriter.Write(folder.Root, default), Is.Null, "the classes are given");
        ClassSet classes = DatasetFolder.Open(folder.Root).Classes;
        Assert.That((classes.Name, classes.Names[1], classes.MeanIsDefault), Is.EqualTo(("mine", "leaf", false)));
        Assert.That(() => DescriptionWriter.Write(folder.Root, default), Throws.TypeOf<UserInputException>().With.Message.Contains("says already all"));
    }

    [Test]
    public void APairLayoutGetsItsClasses()
    {
        using FoundFolder folder = new();
        folder.Photos("train/a.jpg", "val/b.jpg").NumberMasks(0, 2, new Palette([(1, 2, 3), (4, 5, 6), (7, 8, 9)]), "trainannot/a.png").NumberMasks(1, 255, new Palette([(1, 2, 3), (4, 5, 6), (7, 8, 9)]), "valannot/b.png");
        DescriptionWriter.Write(folder.Root, default);
        DatasetFolder data = DatasetFolder.Open(folder.Root);
        Assert.That((data.Classes.Count, data.Classes.VoidLabel, data.Classes.Palette[2]), Is.EqualTo((3, 255, ((byte)7, (byte)8, (byte)9))));
        Assert.That(File.ReadAllText(DatasetDescription.PathIn(folder.Root)), Does.Not.Contain("images").And.Not.Contain("maskValues"));
        Assert.That(DatasetChecker.Check(data, "val").Problems, Is.Empty);
    }

    [Test]
    public void GreyLevelsAreColorsAndSmallNumbersAreNumbers()
    {
        using FoundFolder folder = new();
        MaskSurvey Survey(params byte[] values)
        {
            folder.Folder.Write("m.png", Grey(values));
            return MaskSurvey.Of(folder.Root, [new Sample("m", "", folder.Folder["m.png"])], default);
        }

        Assert.That(Survey(0, 255).Classes, Is.EqualTo(new[] { "black", "white" }));
        Assert.That(Survey(0, 128, 255).HoldsColors, Is.True);
        MaskSurvey numbers = Survey(0, 1, 4, 255);
        Assert.That((numbers.HoldsColors, numbers.Classes.Count, numbers.Void), Is.EqualTo((false, 5, 255)));
        Assert.That(numbers.Finding, Does.Contain("0, 1, 4, 255; 255 is taken for void"));
    }

    [Test]
    public void KnownPalettesBringTheirNames()
    {
        using FoundFolder folder = new();
        folder.ColorMasks((128, 64, 128), (0, 0, 0), "a.png").ColorMasks((128, 128, 128), (64, 0, 128), "b.png");
        MaskSurvey survey = MaskSurvey.Of(folder.Root, [new Sample("a", "", folder.Folder["a.png"]), new Sample("b", "", folder.Folder["b.png"])], default);
        Assert.That(survey.Classes, Is.EqualTo(ClassSet.CamVid.Names));
        Assert.That((survey.Void, survey.Palette![11], survey.NamesAreMadeUp), Is.EqualTo((11, ((byte)0, (byte)0, (byte)0), false)));
    }

    [Test]
    public void SmoothMasksAreNoClasses()
    {
        using FoundFolder folder = new();
        folder.Photos("m.png");
        Assert.That(() => MaskSurvey.Of(folder.Root, [new Sample("m", "", folder.Folder["m.png"])], default), Throws.TypeOf<UserInputException>().With.Message.Contains("too many for classes").And.Message.Contains("--unknown void"));
    }

    [TestCase("""{ "classes": ["a"], "images": "photos/{name}" }""", "\"images\" needs both")]
    [TestCase("""{ "classes": ["a"], "valShare": 0.5 }""", "\"valShare\" needs both")]
    [TestCase("""{ "classes": ["a"], "images": "../photos/{name}", "masks": "{name}" }""", "no path within the dataset")]
    [TestCase("""{ "classes": ["a"], "images": "/photos/{name}", "masks": "{name}" }""", "no path within the dataset")]
    [TestCase("""{ "classes": ["a"], "images": "photos", "masks": "{name}" }""", "must have {name} once")]
    [TestCase("""{ "classes": ["a"], "images": "{split}/{name}", "masks": "{name}_mask" }""", "\"splits\" says what {split}")]
    [TestCase("""{ "classes": ["a"], "images": "{name}", "masks": "{name}_m", "splits": { "train": "train" } }""", "exactly where {split} is used")]
    [TestCase("""{ "classes": ["a"], "images": "{split}/{name}", "masks": "{split}/{name}_m", "splits": { "train": "../x" } }""", "\"splits\" says what {split}")]
    [TestCase("""{ "classes": ["a"], "images": "{name}", "masks": "{name}_m", "lists": "train.txt" }""", "\"lists\" is")]
    [TestCase("""{ "classes": ["a"], "images": "{name}", "masks": "{name}_m", "valShare": 1 }""", "above 0 and below 1")]
    [TestCase("""{ "classes": ["a"], "images": "{name}", "masks": "{name}_m", "valSeed": 1 }""", "\"valSeed\" needs")]
    [TestCase("""{ "classes": ["a"], "maskValues": "rgb" }""", "\"numbers\" or \"colors\"")]
    [TestCase("""{ "classes": ["a"], "images": "{name}", "masks": "{name}_m", "maskValues": "colors" }""", "there is no \"palette\"")]
    public void AWrongDescriptionOfFilesIsRefused(string description, string reason)
    {
        using FoundFolder folder = Flat();
        folder.Folder.Write("dataset.json", description);
        Assert.That(() => DatasetFolder.Open(folder.Root), Throws.TypeOf<UserInputException>().With.Message.StartsWith(folder.Folder["dataset.json"]).And.Message.Contains(reason));
    }

    [Test]
    public void AllProblemsOfADescribedFolderAreListedAtOnce()
    {
        using FoundFolder folder = Flat();
        DescriptionWriter.Write(folder.Root, default);
        File.Delete(folder.Folder["labels/a_mask.png"]);
        File.Delete(folder.Folder["photos/b.jpg"]);
        folder.ColorMasks((0, 0, 0), (0, 0, 255), "labels/c_mask.png").Folder.Write("photos/notes.md", "");
        folder.Folder.Write("photos/more.md", "");
        DatasetFolder data = DatasetFolder.Open(folder.Root);
        DatasetReport[] reports = [.. data.Splits.Select(split => DatasetChecker.Check(data, split))];
        string problems = string.Join('\n', reports.SelectMany(report => report.Problems));
        Assert.That(problems, Does.Contain("labels/a_mask.png").And.Contain("photos/b.jpg").And.Contain("has the colour (0, 0, 255), which is not in the palette in"));
        Assert.That(reports.Sum(report => report.Problems.Count), Is.EqualTo(3));
        Assert.That(reports.SelectMany(report => report.Warnings).Single().Message, Does.StartWith("the file is not read, nor are 1 others beside it; images are photos/{name}"));
    }

    [Test]
    public void AListNamesImagesThatExist()
    {
        using FoundFolder folder = Flat();
        folder.Folder.Write("train.txt", "a\nb\n");
        folder.Folder.Write("val.txt", "photos/c.jpg\n");
        DescriptionWriter.Write(folder.Root, default);
        DatasetFolder data = DatasetFolder.Open(folder.Root);
        Assert.That(data.Split("val").Single(), Is.EqualTo(data.Split("val")[0] with { Name = "c", ImagePath = folder.Folder["photos/c.jpg"], MaskPath = folder.Folder["labels/c_mask.png"] }));
        folder.Folder.Write("val.txt", "c\n../../etc/passwd\n");
        Assert.That(() => data.Split("val"), Throws.TypeOf<UserInputException>().With.Message.Contains("val.txt: line 2: there is no image of this name"));
    }

    private static FoundFolder Flat()
    {
        FoundFolder folder = new();
        return folder.Photos([.. s_names.Select(name => $"photos/{name}.jpg")]).Masks([.. s_names.Select(name => $"labels/{name}_mask.png")]);
    }

    private static byte[] Grey(byte[] values) => new Imaging.Png.TestPng { Width = values.Length, Height = 1, Depth = 8, Color = 0, Samples = [.. values.Select(value => (int)value)] }.Encode();
}
