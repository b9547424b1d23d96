using DilatedKernels.Cli.Commands;
using DilatedKernels.Segmentation;
using DilatedKernels.Tests.Distributed;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

public sealed class ImageArgumentsTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void AFolderStandsForItsImagesInTheOrderOfTheirNames()
    {
        foreach (string name in (string[])["b.png", "a.JPG", "c.jpeg", "notes.txt", ".hidden.png", "deeper/d.png"])
        {
            _folder.Write($"photos/{name}", [1]);
        }

        string[] images = ImageArguments.Expand(["z.png", _folder["photos"], ""]);
        Assert.That(images, Is.EqualTo(new[] { "z.png", _folder["photos/a.JPG"], _folder["photos/b.png"], _folder["photos/c.jpeg"], "" }));
    }

    [Test]
    public void AFolderWithoutImagesIsRefused()
    {
        _folder.Write("photos/notes.txt", [1]);
        Assert.That(() => ImageArguments.Expand([_folder["photos"]]), Throws.InstanceOf<UserInputException>().With.Message.Contains($"{_folder["photos"]} has no images"));
    }

    [Test]
    public void AllProcessesTakeTheImagesThatTheFirstFinds()
    {
        _folder.Write("0/a.png", [1]);
        _folder.Write("0/é.png", [1]);
        _folder.Write("1/b.png", [1]);
        string[][] found = new string[2][];
        LocalThreads.Run(2, group => found[group.Rank] = ImageArguments.Expand([_folder[$"{group.Rank}"]], group));
        Assert.That(found, Is.All.EqualTo(new[] { _folder["0/a.png"], _folder["0/é.png"] }));
    }
}
