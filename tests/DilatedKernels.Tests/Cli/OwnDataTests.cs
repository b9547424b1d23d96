using System.Diagnostics;
using System.Text.RegularExpressions;
using DilatedKernels.Build;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>
/// From a fresh build to a report of a dataset whose folders are named otherwise than expected, by doing literally what each command says is next. What was said
/// is kept in docs/own-data.md; <c>DILATEDKERNELS_WRITE_DOCS=1</c> in the environment writes it anew.
/// </summary>
public partial class OwnDataTests
{
    private const int MostCommands = 6;
    private const string Next = "Next: ";
    private const string Document = "docs/own-data.md";

    [Test]
    public void EachCommandSaysTheNextUntilThereIsAReport()
    {
        if (SourceTree.Root is not { } root || OperatingSystem.IsWindows())
        {
            Assert.Ignore("needs the tree and a shell");
            return;
        }

        using var folder = new TemporaryFolder();
        Directory.CreateSymbolicLink(folder["artifacts"], Path.Combine(root, "artifacts"));
        List<(string Command, string Output)> transcript = [("./build.sh", FirstSteps.Text + "\n")];
        while (!File.Exists(folder["leaves-run/report.html"]))
        {
            Assert.That(transcript, Has.Count.LessThan(MostCommands), Shown(transcript, root));
            string command = Suggested(transcript[^1].Output);
            (int code, string output, string error) = Shell(folder.Path, command);
            // A folder that is no dataset yet is wrong input, and the message says how it becomes one.
            Assert.That(code, Is.Zero.Or.EqualTo(2), $"{command}\n{error}");
            transcript.Add((command, output));
        }

        Assert.That(File.ReadAllText(folder["leaves-run/report.html"]), Does.Contain("leaves"));
        // It ends with a command, too.
        (int last, _, string problem) = Shell(folder.Path, Suggested(transcript[^1].Output));
        Assert.That(last, Is.Zero, problem);
        Assert.That(Directory.GetFiles(folder["leaves-run/predictions"], "*-overlay.png"), Has.Length.EqualTo(1));

        string path = Path.Combine(root, Document);
        string shown = Shown(transcript, root);
        if (Environment.GetEnvironmentVariable("DILATEDKERNELS_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, Fenced().Replace(File.ReadAllText(path), $"```console\n{shown}```", 1));
        }

        string written = Fenced().Match(File.ReadAllText(path)).Groups[1].Value;
        Assert.That(Numberless(shown), Is.EqualTo(Numberless(written)), $"{Document} shows something else; DILATEDKERNELS_WRITE_DOCS=1 in the environment writes it anew");
    }

    private static string Suggested(string output) =>
        output.Split('\n').LastOrDefault(line => line.StartsWith(Next, StringComparison.Ordinal))?[Next.Length..] ?? throw new AssertionException($"Nothing is suggested by: {output}");

    private static string Shown(List<(string Command, string Output)> transcript, string root) =>
        string.Join('\n', transcript.Select(entry => $"$ {entry.Command}\n{entry.Output}")).Replace(root + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);

    // What a training reaches depends in its last bits on the processor.
    private static string Numberless(string text) => Percentage().Replace(text, "N %");

    private static (int Code, string Output, string Error) Shell(string folder, string command)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, error);
    }

    [GeneratedRegex("```console\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Fenced();

    [GeneratedRegex(@"(?<=mean IoU +)[0-9.]+ %")]
    private static partial Regex Percentage();
}
