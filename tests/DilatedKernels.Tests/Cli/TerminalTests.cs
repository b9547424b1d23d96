using System.Text.RegularExpressions;
using DilatedKernels.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>The command on a real pseudo-terminal of 80 columns, in other locales, and without a terminal.</summary>
[Platform("Linux")]
public partial class TerminalTests
{
    private static readonly string[] s_train = ["train", "data", "--run", "run", "--crop", "396", "--batch", "1", "--width", "0.015625", "--dropout", "0", "--steps", "3", "--validate-every", "2", "--threads", "1"];

    [Test]
    public void EveryHelpFits80Columns()
    {
        using var folder = new TemporaryFolder();
        string[] verbs = ["", .. CommandLine.Build().Subcommands.Select(verb => verb.Name)];
        string text = OnTerminal(folder, "xterm", string.Join("; ", verbs.Select(verb => $"{DilatedProcess.ShellWords} {verb} --help")));
        Assert.That(Regex.Count(text, "^Usage:", RegexOptions.Multiline), Is.EqualTo(verbs.Length), text);
        AssertFits(text);
    }

    [Test]
    public void ATrainingWritesOverOneLineAndFits()
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        string text = OnTerminal(folder, "xterm", $"{DilatedProcess.ShellWords} {string.Join(' ', s_train)}");
        Assert.That(text, Does.Contain("\rstep 1/3").And.Contain("mean IoU").And.Contain("Next: "));
        AssertFits(text);
    }

    [Test]
    public void ATerminalThatCannotDoThatGetsLines()
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        string text = OnTerminal(folder, "dumb", $"{DilatedProcess.ShellWords} {string.Join(' ', s_train)}");
        Assert.That(text, Does.Contain("step 1/3"));
        Assert.That(text.Replace("\r\n", "\n", StringComparison.Ordinal).Where(c => char.IsControl(c) && c != '\n'), Is.Empty);
    }

    [TestCase("LC_ALL=C")]
    [TestCase("LC_ALL=POSIX")]
    [TestCase("NO_COLOR=1")]
    [TestCase("TERM=")]
    public void FilesGetPlainLines(string variable)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        string[] parts = variable.Split('=');
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, new Dictionary<string, string> { [parts[0]] = parts[1] }, s_train);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error, Does.Contain("step 1/3"));
        Assert.That((result.Error + result.Output).Where(c => char.IsControl(c) && c is not '\n'), Is.Empty);
    }

    [TestCase("C", "480x1")]
    [TestCase("C.UTF-8", "480×1")]
    public void SizesAreReadableInEveryLocale(string locale, string size)
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        DilatedKernels.Segmentation.Imaging.PngWriter.Write(folder["data/val/0.png"], new DilatedKernels.Segmentation.Imaging.RgbImage(480, 1, new byte[3 * 480]));
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, new Dictionary<string, string> { ["LC_ALL"] = locale }, s_train);
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain(size));
    }

    [Test]
    public void AWorkingFolderThatIsGoneIsNoMatterToFullPaths()
    {
        using var folder = new TemporaryFolder();
        SmallDataset.Create(folder);
        DilatedProcess.Result result = DilatedProcess.RunProgram(
            folder.Path, new Dictionary<string, string>(), "/bin/sh", "-c",
            $"mkdir gone && cd gone && rmdir ../gone && {DilatedProcess.ShellWords} {string.Join(' ', s_train).Replace("data", folder["data"], StringComparison.Ordinal).Replace("--run run", $"--run {folder["run"]}", StringComparison.Ordinal)}");
        Assert.That((result.ExitCode, result.Error), Is.EqualTo((0, result.Error)));
        Assert.That(result.Output, Does.Contain($"predict {folder["run/best.safetensors"]} {folder["data/val/0.png"]}"));
    }

    private static string OnTerminal(TemporaryFolder folder, string term, string commands)
    {
        Assume.That(File.Exists("/usr/bin/script"), Is.True, "No script of util-linux makes a terminal here.");
        string log = folder["terminal.log"];
        DilatedProcess.Result result = DilatedProcess.RunProgram(
            folder.Path, new Dictionary<string, string> { ["TERM"] = term, ["NO_COLOR"] = "1" }, "/usr/bin/script", "-qec", $"stty cols 80 rows 24; {commands}", log);
        Assert.That(result.ExitCode, Is.Zero, File.ReadAllText(log));
        string[] lines = File.ReadAllLines(log);
        // What .NET itself tells the terminal's keypad, which shows nothing.
        return Keypad().Replace(File.ReadAllText(log)[(lines[0].Length + 1)..].Replace(lines[^1], "", StringComparison.Ordinal), "");
    }

    private static void AssertFits(string text)
    {
        foreach (string line in text.Split('\n').SelectMany(line => line.TrimEnd('\r').Split('\r')).Where(line => !line.StartsWith("Next: ", StringComparison.Ordinal)))
        {
            Assert.That(line, Has.Length.LessThanOrEqualTo(80));
            Assert.That(line.Where(char.IsControl), Is.Empty, line);
        }
    }

    [GeneratedRegex(@"\x1b\[\?1h\x1b=")]
    private static partial Regex Keypad();
}
