using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Report;

namespace DilatedKernels.Tests.Cli;

/// <summary>What report, predict and eval say is next, done.</summary>
public class NextStepTests
{
    [Test]
    public void EachLeadsToTheNext()
    {
        using var folder = new TemporaryFolder();
        string run = ReportRun.Train(folder, "run");
        string best = Path.Combine(run, "best.safetensors");
        DilatedProcess.Result report = Run(folder, "report", run);
        Assert.That(report.Output.Trim(), Is.EqualTo(Path.Combine(run, "report.html")), "names alone");
        Assert.That(Next(report.Error), Is.EqualTo($"eval {best} data"));
        DilatedProcess.Result predict = Run(folder, "predict", best, "data/val/0.png", "--out", "masks");
        Assert.That(predict.Output.Trim(), Is.EqualTo("masks/0.png"), "names alone");
        Assert.That(Next(predict.Error), Is.EqualTo($"eval {best} data"));
        DilatedProcess.Result eval = Run(folder, Next(predict.Error).Split(' '));
        Assert.That(Next(eval.Output), Is.EqualTo($"export {best} --format onnx --out {Path.ChangeExtension(best, ".onnx")}"));
        Run(folder, Next(eval.Output).Split(' '));
        Assert.That(File.Exists(Path.Combine(run, "best.onnx")));
        Assert.That(Run(folder, "eval", best, "data").Output, Does.Not.Contain("Next: "), "it is exported");
        Assert.That(Run(folder, "eval", best, "data", "--json").Output.Trim(), Does.EndWith("}"));
        Directory.Move(folder["data"], folder["gone"]);
        Assert.That(Run(folder, "report", run).Error, Does.Not.Contain("Next: "));
    }

    private static string Next(string text) =>
        text.Split('\n').Single(line => line.StartsWith("Next: ", StringComparison.Ordinal)).Split("dilated.dll ", 2)[^1].Split("dilated.dll' ", 2)[^1].Trim();

    private static DilatedProcess.Result Run(TemporaryFolder folder, params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, arguments);
        Assert.That(result.ExitCode, Is.Zero, $"{string.Join(' ', arguments)}: {result.Error}{result.Output}");
        return result;
    }
}
