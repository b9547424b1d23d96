using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>
/// The disk fills up, the run folder becomes read-only, the dataset vanishes: a training says so and stops, its last checkpoint stays whole, and once things are
/// put right it goes on to the bits of a run that nothing happened to.
/// </summary>
[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
[Platform("Linux", Reason = "The limits are set with Linux's own programs.")]
public sealed class FailingDiskTests
{
    private static readonly string[] s_options = [.. SmallDataset.TinyTraining, "--steps", "30", "--checkpoint-every", "2", "--validate-every", "4", "--threads", "1"];

    // A write past the limit fails as on a full disk, but for the error's name. The runtime maps its code by way of large files unless told not to.
    private static readonly string[] s_fullDisk =
        ["sh", "-c", "trap '' XFSZ; ulimit -f 60; DOTNET_EnableWriteXorExecute=0 exec \"$@\"", "sh"];

    // Root, without the right to write where the bits forbid it.
    private static readonly string[] s_withoutPrivilege = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"];

    private TemporaryFolder _folder = null!;
    private string _data = null!;

    [SetUp]
    public void Create()
    {
        _folder = new TemporaryFolder();
        _data = SmallDataset.Create(_folder);
        DilatedProcess.Result whole = DilatedProcess.Run(_folder.Path, ["train", _data, "--run", "whole", .. s_options]);
        Assert.That(whole.ExitCode, Is.Zero, whole.Error);
    }

    [TearDown]
    public void Delete() => _folder?.Dispose();

    [Test]
    public void AFullDisk()
    {
        byte[] before = BeginAndInterrupt();
        SkipUnlessItRuns(s_fullDisk);
        DilatedProcess.Result result = DilatedProcess.RunThrough(_folder.Path, s_fullDisk, "train", "--resume", "run");
        AssertStopped(result, exitCode: 1, before);
        Assert.That(result.Error, Does.Contain("last.safetensors"));
        AssertGoesOn();
    }

    /// <summary>Before a run has anything to lose, and in verbs that write one file, it is no fault of the input either.</summary>
    [Test]
    public void AFullFileSystemIsNoWrongUsage()
    {
        string disk = _folder["disk"];
        Directory.CreateDirectory(disk);
        string[] through = ["unshare", "-m", "sh", "-c", $"mount -t tmpfs -o size=4k none {disk} || exit 77; head -c 4096 /dev/zero >{disk}/full; \"$@\"", "sh"];
        foreach (string[] verb in (string[][])[["train", _data, "--run", $"{disk}/run", .. s_options], ["report", "whole", "--output", $"{disk}/report.html"]])
        {
            DilatedProcess.Result result = Through(through, verb);
            if (result.ExitCode == 77)
            {
                Assert.Ignore("This process may not mount a file system.");
            }

            Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
            Assert.That(result.Error, Does.Contain("No space left on device"));
        }
    }

    [Test]
    public void AFullDiskUnderTheLog()
    {
        DilatedProcess.Result result = DilatedProcess.RunThrough(_folder.Path, ["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"], ["train", _data, "--run", "run", .. s_options]);
        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(File.ReadAllBytes(_folder["run/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["whole/last.safetensors"])));
        result = DilatedProcess.RunThrough(_folder.Path, ["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"], ["train", "nowhere", "--run", "other"]);
        Assert.That(result.ExitCode, Is.EqualTo(2), "no abort");
    }

    [Test]
    public void AFullFileSystem()
    {
        byte[] before = BeginAndInterrupt();
        string disk = _folder["disk"];
        Directory.CreateDirectory(disk);
        // In a name space of its own, so that nothing is left mounted; what was written is copied out before it ends.
        string[] through =
        [
            "unshare", "-m", "sh", "-c",
            $"mount -t tmpfs -o size=$(($(du -sk run | cut -f1) + 40))k none {disk} || exit 77; cp -a run/. {disk} || exit 77; \"$@\"; code=$?; rm -rf run; cp -a {disk} run; exit $code", "sh",
        ];
        DilatedProcess.Result result = Through(through, "train", "--resume", disk);
        if (result.ExitCode == 77)
        {
            Assert.Ignore("This process may not mount a file system.");
        }

        AssertStopped(result, exitCode: 1, before);
        Assert.That(result.Error, Does.Contain("No space left on device"));
        AssertGoesOn();
    }

    [Test]
    public void AReadOnlyFolder()
    {
        byte[] before = BeginAndInterrupt();
        string[] through = Environment.UserName == "root" ? s_withoutPrivilege : [];
        SkipUnlessItRuns(through);
        UnixFileMode mode = File.GetUnixFileMode(_folder["run"]);
        DilatedProcess.Result result;
        try
        {
            File.SetUnixFileMode(_folder["run"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
            result = DilatedProcess.RunThrough(_folder.Path, through, "train", "--resume", "run");
        }
        finally
        {
            File.SetUnixFileMode(_folder["run"], mode);
        }

        Assert.That(result.ExitCode, Is.AnyOf(1, 2), result.Error);
        AssertStopped(result, result.ExitCode, before);
        Assert.That(result.Error, Does.Contain("denied").And.Contain(_folder["run"]).Or.Contain("run/"));
        AssertGoesOn();
    }

    [Test]
    public void ADatasetThatVanishes()
    {
        using (DilatedProcess process = DilatedProcess.Start(_folder.Path, ["train", _data, "--run", "run", .. s_options]))
        {
            process.WaitForProgress();
            Directory.Move(_data, _folder["away"]);
            DilatedProcess.Result result = process.Wait();
            Assert.That(result.ExitCode, Is.AnyOf(1, 2), result.Error);
            AssertStopped(result, result.ExitCode, File.ReadAllBytes(_folder["run/last.safetensors"]));
            Assert.That(result.Error, Does.Contain(_folder["data"]));
        }

        DilatedProcess.AssertRefused(_folder, ["train", "--resume", "run"], _data);
        Directory.Move(_folder["away"], _data);
        AssertGoesOn();
    }

    /// <summary>A run that has been interrupted somewhere in its middle, and its last checkpoint.</summary>
    private byte[] BeginAndInterrupt()
    {
        using DilatedProcess process = DilatedProcess.Start(_folder.Path, ["train", _data, "--run", "run", .. s_options]);
        process.WaitForProgress();
        process.SendInterrupt();
        Assert.That(process.Wait().ExitCode, Is.EqualTo(130), "it was not over yet");
        return File.ReadAllBytes(_folder["run/last.safetensors"]);
    }

    private void SkipUnlessItRuns(string[] through)
    {
        DilatedProcess.Result result = Through(through, "info", "fcn-8s");
        if (result.ExitCode != 0)
        {
            Assert.Ignore($"The system does not let a process be limited in this way: {result.Error.Split('\n')[0]}");
        }
    }

    private DilatedProcess.Result Through(string[] before, params string[] arguments)
    {
        try
        {
            return DilatedProcess.RunThrough(_folder.Path, before, arguments);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Ignore($"The system has no {before[0]}: {e.Message}");
            throw;
        }
    }

    private void AssertStopped(DilatedProcess.Result result, int exitCode, byte[] checkpoint)
    {
        Assert.That(result.ExitCode, Is.EqualTo(exitCode), result.Error + result.Output);
        Assert.That(result.Error, Does.Contain("dilated: ").And.Not.Contain("   at ").And.Not.Contain("Unhandled"));
        Assert.That(result.Error, Does.Match(@"Training stopped at step \d+: .* is intact; when this is put right, go on with --resume|cannot be written|denied"));
        Assert.That(File.ReadAllBytes(_folder["run/last.safetensors"]), Is.EqualTo(checkpoint));
        Assert.That(Directory.EnumerateFiles(_folder["run"], "*.tmp"), Is.Empty);
    }

    private void AssertGoesOn()
    {
        DilatedProcess.Result result = DilatedProcess.Run(_folder.Path, "train", "--resume", "run");
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(File.ReadAllBytes(_folder["run/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["whole/last.safetensors"])));
        Assert.That(File.ReadAllBytes(_folder["run/best.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["whole/best.safetensors"])));
    }
}
