using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Imaging;
using static DilatedKernels.Tests.Cli.DilatedProcess;

namespace DilatedKernels.Tests.Cli;

/// <summary>What a verb reads, and devices, are not written over, even where that is allowed for other files; pipes are not waited for.</summary>
[Platform(Exclude = "Win", Reason = "Links need a privilege there, and pipes and devices are no files.")]
public sealed class TargetTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Train()
    {
        _folder = new TemporaryFolder();
        string data = SmallDataset.Create(_folder);
        Result result = Run(_folder.Path, ["train", data, "--run", "run", .. SmallDataset.TinyTraining, "--steps", "1", "--val-split", "none"]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
    }

    [TearDown]
    public void Delete() => _folder?.Dispose();

    [Test]
    public void InputsBehindLinksAreNotWrittenOver()
    {
        Directory.CreateSymbolicLink(_folder["link"], _folder["data/val"]);
        File.Copy(_folder["data/val/0.png"], _folder["last.png"]);
        byte[] image = File.ReadAllBytes(_folder["data/val/0.png"]);
        byte[] checkpoint = File.ReadAllBytes(_folder["run/last.safetensors"]);
        AssertRefused(_folder, ["predict", "run/last.safetensors", "data/val/0.png", "--out", "link", "--overwrite"], "0.png", "input");
        AssertRefused(_folder, ["predict", "run/last.safetensors", "last.png", "--out", "run", "--overwrite", "--save-probabilities"], "last.safetensors", "input");
        AssertRefused(_folder, ["crf", "run/last.safetensors", "last.png", "--out", "run", "--overwrite", "--save-probabilities"], "last.safetensors", "input");
        AssertRefused(_folder, ["crf", "run/last.safetensors", "data", "--search", "--best", "run/last.safetensors", "--overwrite"], "last.safetensors", "to be read");
        Directory.CreateSymbolicLink(_folder["same"], _folder["run"]);
        AssertRefused(_folder, ["export", "run/last.safetensors", "--format", "safetensors", "--out", "same/last.safetensors", "--overwrite"], "to be read");
        Assert.That(File.ReadAllBytes(_folder["data/val/0.png"]), Is.EqualTo(image));
        Assert.That(File.ReadAllBytes(_folder["run/last.safetensors"]), Is.EqualTo(checkpoint));
    }

    // Devices that do not exist, because the user may be root and the check may be missing.
    [Test]
    public void DevicesAreNotReplaced()
    {
        File.CreateSymbolicLink(_folder["device"], "/dev/no/such");
        AssertRefused(_folder, ["bench", "--json", "/dev/none.json"], "device");
        AssertRefused(_folder, ["bench", "--plot", "/proc/none.svg"], "device");
        AssertRefused(_folder, ["crf", "run/last.safetensors", "data", "--search", "--best", "device", "--overwrite"], "device");
    }

    [Test]
    public void PipesAndDevicesAreNotWaitedFor()
    {
        using var pipe = new NamedPipe(_folder["pipe"]);
        File.CreateSymbolicLink(_folder["zero"], "/dev/zero");
        foreach (string name in (string[])["pipe", "zero"])
        {
            AssertRefused(_folder, ["predict", "run/last.safetensors", "data/val/0.png", "--crf", name], name, "a pipe or a device");
            File.Delete(_folder["run/last.safetensors"]);
            File.Delete(_folder["run/previous.safetensors"]);
            File.CreateSymbolicLink(_folder["run/last.safetensors"], _folder[name]);
            AssertRefused(_folder, ["train", "--resume", "run"], "last.safetensors", "a pipe or a device");
            File.Delete(_folder["run/last.safetensors"]);
            File.WriteAllText(_folder["run/last.safetensors"], "x");
        }
    }

    [Test]
    public void AnImageWithoutANameIsRefused() => AssertRefused(_folder, ["predict", "run/last.safetensors", "data/val/0.png", ""], "name of an image is empty");
}
