using System.CommandLine;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated check-data</c>: every problem of a dataset at once, its classes and sizes.</summary>
internal sealed class CheckDataCommand
{
    private readonly Argument<string> _data = new("data") { Description = "The dataset folder." };

    public static Command Create()
    {
        var verb = new CheckDataCommand();
        var command = new Command("check-data", "Lists classes, sizes, label histogram and every problem of a dataset, all at once.") { verb._data };
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        DatasetFolder data = DatasetFolder.Open(result.GetValue(_data)!);
        int problems = 0;
        foreach (string split in data.Splits)
        {
            DatasetReport report;
            try
            {
                report = DatasetChecker.Check(data, split, cancellationToken: cancellation);
            }
            catch (OperationCanceledException)
            {
                output.WriteLine($"Interrupted while {split} was looked over; what is above is whole.");
                return ExitCode.Interrupted;
            }

            DataReport.Write(output, report, data.Classes);
            problems += report.Problems.Count;
        }

        output.WriteLine(problems == 0 ? "No problems." : problems == 1 ? "1 problem." : $"{problems} problems.");
        return problems == 0 ? ExitCode.Ok : ExitCode.BadInput;
    }
}
