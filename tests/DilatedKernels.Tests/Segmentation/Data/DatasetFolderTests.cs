using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

public class DatasetFolderTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void PairsAreFoundByNameInAlphabeticalOrder()
    {
        foreach (string name in new[] { "train/b.png", "train/a.JPG", "train/c.jpeg", "train/notes.txt", "trainannot/a.png", "trainannot/c.png", "val/x.png", "val_labels/x.png", "other/y.png" })
        {
            _folder.Write(name, "");
        }

        _folder.Write("dataset.json", TestDataset.Description);
        DatasetFolder dataset = DatasetFolder.Open(_folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.Splits, Is.EqualTo(new[] { "train", "val" }));
            Assert.That(dataset.Split("train"), Is.EqualTo(new[]
            {
                new Sample("a", _folder["train/a.JPG"], _folder["trainannot/a.png"]),
                new Sample("b", _folder["train/b.png"], null),
                new Sample("c", _folder["train/c.jpeg"], _folder["trainannot/c.png"]),
            }));
            Assert.That(dataset.Split("val"), Is.EqualTo(new[] { new Sample("x", _folder["val/x.png"], _folder["val_labels/x.png"]) }));
        });
    }

    [Test]
    public void PairsAreFoundInAnyLetterCase()
    {
        foreach (string name in new[] { "train/A.PNG", "trainannot/A.PNG", "train/b.Jpg", "trainannot/B.png" })
        {
            _folder.Write(name, "");
        }

        _folder.Write("dataset.json", TestDataset.Description);
        Assert.That(DatasetFolder.Open(_folder.Path).Split("train"), Is.EqualTo(new[]
        {
            new Sample("A", _folder["train/A.PNG"], _folder["trainannot/A.PNG"]),
            new Sample("b", _folder["train/b.Jpg"], _folder["trainannot/B.png"]),
        }));
    }

    [Test]
    public void TheDescriptionIsRead()
    {
        using TestDataset data = new();
        ClassSet classes = DatasetFolder.Open(data.Add("a", 3, 3).Root).Classes;
        Assert.Multiple(() =>
        {
            Assert.That(classes.Name, Is.EqualTo("test"));
            Assert.That(classes.Names, Is.EqualTo(new[] { "a", "b", "c" }));
            Assert.That(classes.Palette, Is.EqualTo(new Palette([(1, 2, 3), (4, 5, 6), (7, 8, 9)])));
            Assert.That(classes.VoidLabel, Is.EqualTo(9));
            Assert.That(classes.MeanBgr, Is.EqualTo((10.5, 20.0, 30.0)));
            Assert.That(classes.MeanIsDefault, Is.False);
        });
    }

    [Test]
    public void MissingFieldsHaveDefaults()
    {
        using TestDataset data = new("""{ "classes": ["only"] }""");
        ClassSet classes = DatasetFolder.Open(data.Add("a", 3, 3).Root).Classes;
        Assert.That(classes.Name, Is.EqualTo(Path.GetFileName(data.Root)));
        Assert.That(classes.VoidLabel, Is.EqualTo(255));
        Assert.That(classes.Palette, Is.EqualTo(Palette.Voc));
        Assert.That(classes.MeanBgr, Is.EqualTo(ClassSet.Voc.MeanBgr));
        Assert.That(classes.MeanIsDefault, Is.True);
    }

    [TestCase("""{ "classes": ["a"], "viod": 255 }""", "viod")]
    [TestCase("""{ "classes": ["a"], "classes": ["b"] }""", "classes")]
    [TestCase("{\n\"classes\": [\"a\",, ] }", "line 2")]
    [TestCase("""{ "classes": "a" }""", "$.classes")]
    [TestCase("null", "null")]
    [TestCase("", "the file is empty")]
    [TestCase("{}", "\"classes\" is missing")]
    [TestCase("""{ "classes": [] }""", "0 names")]
    [TestCase("""{ "classes": ["a", " "] }""", "class 1")]
    [TestCase("""{ "classes": ["a", null] }""", "class 1")]
    [TestCase("""{ "classes": ["a", "b", "a"] }""", "\"a\" twice")]
    [TestCase("""{ "classes": ["a", "b"], "void": 1 }""", "with 2 classes it is 2 to 255")]
    [TestCase("""{ "classes": ["a", "b"], "void": 256 }""", "256")]
    [TestCase("""{ "classes": ["a", "b"], "palette": [[1,2,3]] }""", "1 colours for 2 classes")]
    [TestCase("""{ "classes": ["a"], "palette": [[1,2]] }""", "colour 0 of \"palette\" is [1, 2]")]
    [TestCase("""{ "classes": ["a"], "palette": [[1,2,256]] }""", "[1, 2, 256]")]
    [TestCase("""{ "classes": ["a"], "palette": [null] }""", "colour 0")]
    [TestCase("""{ "classes": ["a"], "meanBgr": [1, 2] }""", "\"meanBgr\" is [1, 2]")]
    [TestCase("""{ "classes": ["a"], "meanBgr": [1, 2, -3] }""", "-3")]
    public void AWrongDescriptionIsRefusedByFileAndField(string description, string reason)
    {
        using TestDataset data = new(description);
        data.Add("a", 3, 3);
        Assert.That(() => DatasetFolder.Open(data.Root), Throws.TypeOf<UserInputException>().With.Message.StartsWith(data.Folder["dataset.json"]).And.Message.Contains(reason));
    }

    [Test]
    public void PairsWithoutADescriptionAreRefusedWithAnExample()
    {
        _folder.Write("train/a.png", "");
        _folder.Write("trainannot/a.png", "");
        const string Example = """{ "classes": ["sky", "building"], "void": 255 }""";
        Assert.That(() => DatasetFolder.Open(_folder.Path), Throws.TypeOf<UserInputException>().With.Message.Contains(Example));
        _folder.Write("dataset.json", Example);
        Assert.That(DatasetFolder.Open(_folder.Path).Classes.Names, Is.EqualTo(new[] { "sky", "building" }));
    }

    [Test]
    public void VocListsNameTheSamples()
    {
        _folder.Write("ImageSets/Segmentation/train.txt", "2007_000032\r\n\n  part/2007_000039 \n");
        _folder.Write("ImageSets/Segmentation/val.txt", "");
        _folder.Write("JPEGImages/2007_000032.jpg", "");
        _folder.Write("JPEGImages/part/2007_000039.PNG", "");
        _folder.Write("SegmentationClass/2007_000032.Png", "");
        DatasetFolder dataset = DatasetFolder.Open(_folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.Classes, Is.EqualTo(ClassSet.Voc));
            Assert.That(dataset.Splits, Is.EqualTo(new[] { "train", "val" }));
            Assert.That(dataset.Split("val"), Is.Empty);
            Assert.That(dataset.Split("train"), Is.EqualTo(new[]
            {
                new Sample("2007_000032", _folder["JPEGImages/2007_000032.jpg"], _folder["SegmentationClass/2007_000032.Png"]),
                new Sample("part/2007_000039", _folder["JPEGImages/part/2007_000039.PNG"], null),
            }));
        });
    }

    [Test]
    public void AVocDatasetMayDescribeOtherClasses()
    {
        _folder.Write("ImageSets/Segmentation/train.txt", "a");
        Directory.CreateDirectory(_folder["JPEGImages"]);
        Directory.CreateDirectory(_folder["SegmentationClass"]);
        _folder.Write("dataset.json", """{ "void": 21, "meanBgr": [1, 2, 3] }""");
        ClassSet classes = DatasetFolder.Open(_folder.Path).Classes;
        Assert.That(classes.Names, Is.EqualTo(ClassSet.Voc.Names));
        Assert.That((classes.VoidLabel, classes.MeanBgr), Is.EqualTo((21, (1.0, 2.0, 3.0))));
        Assert.That(classes.MeanIsDefault, Is.False);
    }

    [TestCase("""{ "void": 21 }""", false)]
    [TestCase("""{ "classes": ["a"] }""", true)]
    public void VocsMeanIsADefaultOnlyForOtherClasses(string description, bool isDefault)
    {
        _folder.Write("ImageSets/Segmentation/train.txt", "a");
        Directory.CreateDirectory(_folder["JPEGImages"]);
        Directory.CreateDirectory(_folder["SegmentationClass"]);
        _folder.Write("dataset.json", description);
        ClassSet classes = DatasetFolder.Open(_folder.Path).Classes;
        Assert.That((classes.MeanBgr, classes.MeanIsDefault), Is.EqualTo((ClassSet.Voc.MeanBgr, isDefault)));
    }

    [TestCase("../secret")]
    [TestCase("/etc/passwd")]
    [TestCase("a/../../b")]
    [TestCase("a\\..\\b")]
    [TestCase("C:\\x")]
    [TestCase("./a")]
    [TestCase("a//b")]
    [TestCase("a\0b")]
    public void AListCannotLeaveTheDataset(string line)
    {
        _folder.Write("ImageSets/Segmentation/train.txt", $"good\n{line}\n");
        Directory.CreateDirectory(_folder["JPEGImages"]);
        Directory.CreateDirectory(_folder["SegmentationClass"]);
        DatasetFolder dataset = DatasetFolder.Open(_folder.Path);
        Assert.That(() => dataset.Split("train"), Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{_folder["ImageSets/Segmentation/train.txt"]}: line 2: \"{line}\""));
    }

    [Test]
    public void AnUnknownSplitNamesThoseThatExist()
    {
        using TestDataset data = new();
        DatasetFolder dataset = DatasetFolder.Open(data.Add("a", 3, 3).Add("a", 3, 3, "val").Root);
        foreach (string name in new[] { "test", "../val", "" })
        {
            Assert.That(() => dataset.Split(name), Throws.TypeOf<UserInputException>().With.Message.EqualTo($"{data.Root}: there is no split \"{name}\"; there are: train, val."));
        }
    }

    [Test]
    public void WhatIsNoDatasetIsExplained()
    {
        Directory.CreateDirectory(_folder["empty"]);
        Directory.CreateDirectory(_folder["voc/JPEGImages"]);
        Directory.CreateDirectory(_folder["list/JPEGImages"]);
        Directory.CreateDirectory(_folder["list/SegmentationClass"]);
        Directory.CreateDirectory(_folder["list/ImageSets/Segmentation"]);
        Directory.CreateDirectory(_folder["twice/train"]);
        Directory.CreateDirectory(_folder["twice/trainannot"]);
        Directory.CreateDirectory(_folder["twice/train_labels"]);
        string file = _folder.Write("file", "");
        Assert.Multiple(() =>
        {
            Refused(_folder["none"], "does not exist");
            Refused(file, "a dataset is a folder");
            Refused(_folder["empty"], "trainannot/");
            Refused(_folder["voc"], "SegmentationClass");
            Refused(_folder["list"], "no split list");
            Refused(_folder["twice"], "two mask folders");
        });
    }

    [TestCase("")]
    [TestCase(" ")]
    public void AnEmptyPathIsTheUsersMistake(string path)
        => Assert.That(() => DatasetFolder.Open(path), Throws.TypeOf<UserInputException>().With.Message.EqualTo("The path of the dataset is empty; name the folder that holds it."));

    [Test]
    public void TwoImagesForOneMaskAreRefused()
    {
        using TestDataset data = new();
        data.Add("a", 3, 3).Folder.Write("train/a.jpg", "");
        DatasetFolder dataset = DatasetFolder.Open(data.Root);
        Assert.That(() => dataset.Split("train"), Throws.TypeOf<UserInputException>().With.Message.Contains("a.jpg").And.Message.Contains("a.png"));
    }

    private static void Refused(string root, string reason)
        => Assert.That(() => DatasetFolder.Open(root), Throws.TypeOf<UserInputException>().With.Message.StartsWith(root).And.Message.Contains(reason));
}
