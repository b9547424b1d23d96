using System.CommandLine;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Report;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated report</c>: what a training run reached as a page, or several runs beside each other.</summary>
internal sealed class ReportCommand
{
    private readonly Argument<string[]> _runs = new("run") { Description = "A run's folder, or several to compare.", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string?> _output = new("--output", "--out") { Description = "The page to write. [default: report.html in the folder of a single run]", HelpName = "FILE" };

    public static Command Create()
    {
        var verb = new ReportCommand();
        var command = new Command("report", "Writes a run as one page of curves, scores, confusion matrix and pictures; or several runs beside each other.") { verb._runs, verb._output };
        command.SetAction(verb.Run);
        return command;
    }

    private int Run(ParseResult result)
    {
        string[] runs = result.GetValue(_runs)!;
        string? output = result.GetValue(_output);
        if (output is null && runs.Length > 1)
        {
            throw new UserInputException("Name the file for the comparison: dilated report RUN RUN --output compared.html");
        }

        if (runs.Any(string.IsNullOrWhiteSpace) || output is not null && string.IsNullOrWhiteSpace(output))
        {
            throw new UserInputException("A run or the output was named with an empty text.");
        }

        output ??= Path.Combine(runs[0], "report.html");
        Targets.RefuseDevice("--output", output, "report.html");
        ReportPage.Write(runs, output);
        result.InvocationConfiguration.Output.WriteLine(output);
        if (NextStep.AfterReport(runs) is { } next)
        {
            result.InvocationConfiguration.Error.WriteLine($"Next: {next}");
        }

        return ExitCode.Ok;
    }
}
