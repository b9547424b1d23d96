using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Tests.Segmentation.Data;

public class SplitFilesTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase("a", "a.JPG", ExpectedResult = "a.JPG")]
    [TestCase("a", "A.Png", ExpectedResult = "A.Png")]
    [TestCase("a", "a.webp", ExpectedResult = null)]
    [TestCase("a", "a.png.txt", ExpectedResult = null)]
    [TestCase("a.b", "A.b.png", ExpectedResult = "A.b.png")]
    [TestCase("part/a", "part/A.JPEG", ExpectedResult = "part/A.JPEG")]
    [TestCase("part/a", "a.jpg", ExpectedResult = null)]
    public string? OneFileIsFoundInAnyLetterCase(string name, string file)
    {
        string path = _folder.Write(file, "");
        string? found = new SplitFiles(_folder.Path, SplitFiles.ImageExtensions, [name]).Find(name);
        Assert.That(found, Is.Null.Or.EqualTo(path));
        return found is null ? null : file;
    }

    [TestCase("a", "A.jpg a.png", ExpectedResult = "a.png")]
    [TestCase("a", "a.PNG a.png", ExpectedResult = "a.png")]
    [TestCase("a", "a.JPG a.png", ExpectedResult = "a.png")]
    [TestCase("a", "a.jpg a.png", ExpectedResult = "a.jpg")]
    [TestCase("ab", "Ab.jpg aB.jpg", ExpectedResult = null)]
    [TestCase("a A", "A.jpg", ExpectedResult = null)]
    [Platform(Exclude = "Win,MacOsX", Reason = "Names that differ only in letter case are one file there.")]
    public string? TheBestOfSeveralIsFoundUnlessItIsNotClear(string names, string files)
    {
        foreach (string file in files.Split(' '))
        {
            _folder.Write(file, "");
        }

        string[] all = names.Split(' ');
        return Path.GetFileName(new SplitFiles(_folder.Path, SplitFiles.ImageExtensions, all).Find(all[0]));
    }
}
