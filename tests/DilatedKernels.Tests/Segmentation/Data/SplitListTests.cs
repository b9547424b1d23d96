using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Tests.Cli;

namespace DilatedKernels.Tests.Segmentation.Data;

/// <summary>A split list may come from anywhere: no line of it, nor a link that it names, makes the program read a file outside the dataset.</summary>
public sealed class SplitListTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create()
    {
        _folder = new TemporaryFolder();
        _folder.Write("data/JPEGImages/a.jpg", "");
        _folder.Write("data/SegmentationClass/a.png", "");
        _folder.Write("elsewhere/secret.jpg", "");
    }

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCase("../elsewhere/secret")]
    [TestCase("part/../../secret")]
    [TestCase("/etc/passwd")]
    [TestCase("C:\\secret")]
    [TestCase("..\\secret")]
    [TestCase("./a")]
    [TestCase("a\u001b[2Jb")]
    [TestCase("a\u0007")]
    [TestCase("a\u009bb")]
    [TestCase("a\0b")]
    public void ANameThatIsNoneIsRefusedWithItsLine(string name)
    {
        string list = List("a", "", name);
        Assert.That(Samples, Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{list}: line 3: ").And.Message.Contains("is not a name within the dataset"));
    }

    [Test]
    public void ALongLineIsCutInTheMessage()
    {
        string list = List("a", "/" + new string('x', 100_000));
        Assert.That(Samples, Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{list}: line 2: \"/xxx").And.Message.Contains("xxx...\" is not").And.Message.Length.LessThan(1000));
    }

    [Test]
    [Platform("Linux,MacOsX", Reason = "Links need rights on Windows.")]
    public void ALinkOutOfTheDatasetIsRefusedWithItsLine([Values("JPEGImages/b.jpg", "SegmentationClass/b.png", "JPEGImages/part")] string link)
    {
        bool isFolder = link.EndsWith("part", StringComparison.Ordinal);
        if (!link.StartsWith("JPEG", StringComparison.Ordinal))
        {
            _folder.Write("data/JPEGImages/b.jpg", "");
        }

        File.CreateSymbolicLink(_folder[$"data/{link}"], isFolder ? _folder["elsewhere"] : _folder["elsewhere/secret.jpg"]);
        string list = List("a", isFolder ? "part/secret" : "b");
        Assert.That(
            Samples,
            Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{list}: line 2: ").And.Message.Contains("outside the dataset").And.Message.Contains("elsewhere/secret.jpg"));
    }

    [Test]
    [Platform("Linux,MacOsX", Reason = "Links need rights on Windows.")]
    public void ALinkThroughAnotherIsFollowedToItsEnd()
    {
        File.CreateSymbolicLink(_folder["data/JPEGImages/hop"], "../../elsewhere");
        File.CreateSymbolicLink(_folder["data/JPEGImages/b.jpg"], "hop/secret.jpg");
        List("b");
        Assert.That(Samples, Throws.TypeOf<UserInputException>().With.Message.Contains("outside the dataset"));
    }

    [Test]
    [Platform("Linux,MacOsX", Reason = "Links need rights on Windows.")]
    public void LinksThatTheUserArrangedAreFollowed()
    {
        // The whole folder, the dataset itself, and from one part of the dataset to another.
        Directory.Move(_folder["data/JPEGImages"], _folder["elsewhere/images"]);
        Directory.CreateSymbolicLink(_folder["data/JPEGImages"], _folder["elsewhere/images"]);
        File.CreateSymbolicLink(_folder["elsewhere/images/b.jpg"], "a.jpg");
        _folder.Write("data/masks/c.png", "");
        File.CreateSymbolicLink(_folder["data/SegmentationClass/b.png"], "../masks/c.png");
        List("a", "b");
        Directory.CreateSymbolicLink(_folder["linked"], _folder["data"]);
        Assert.That(DatasetFolder.Open(_folder["linked"]).Split("train").Select(sample => sample.MaskPath is not null && File.Exists(sample.ImagePath)), Is.EqualTo(new[] { true, true }));
    }

    [Test]
    [Platform("Linux,MacOsX", Reason = "Links need rights on Windows.")]
    public void LinksInACircleAreRefused()
    {
        File.CreateSymbolicLink(_folder["data/JPEGImages/b.jpg"], "c.jpg");
        File.CreateSymbolicLink(_folder["data/JPEGImages/c.jpg"], "b.jpg");
        List("b");
        Assert.That(Samples, Throws.TypeOf<UserInputException>());
    }

    [Test]
    public void ControlCharactersReachNoTerminal()
    {
        List("a", "b\u001b]0;owned\u0007");
        DilatedProcess.Result result = DilatedProcess.Run(_folder.Path, "check-data", "data");
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain("line 2").And.Contain("\\u001b]0;owned\\u0007"));
        Assert.That(result.Error.Where(c => char.IsControl(c) && c is not ('\n' or '\r')), Is.Empty);

        result = DilatedProcess.Run(_folder.Path, "predict", "no\u001b[31m.safetensors", "a\u202eb.png");
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain("\\u001b[31m").And.Not.Contain("\u001b"));
    }

    private IReadOnlyList<Sample> Samples() => DatasetFolder.Open(_folder["data"]).Split("train");

    private string List(params string[] lines) => _folder.Write("data/ImageSets/Segmentation/train.txt", string.Join('\n', lines));
}
