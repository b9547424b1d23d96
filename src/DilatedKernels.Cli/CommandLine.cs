using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using DilatedKernels.Cli.Commands;
using DilatedKernels.Cli.Output;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Serialization;

namespace DilatedKernels.Cli;

/// <summary>Parses the arguments, runs the verb, and turns every failure into one clear message and an exit code.</summary>
internal static class CommandLine
{
    public static RootCommand Build()
    {
        RootCommand root = Verbs();
        NumberOptions.Set(root);
        return root;
    }

    private static RootCommand Verbs() => new("Semantic segmentation with dilated convolutions: trains and runs the networks of Yu and Koltun (2016).")
    {
        DemoCommand.Create(),
        TrainCommand.Create(),
        ReportCommand.Create(),
        EvalCommand.Create(),
        PredictCommand.Create(),
        CrfCommand.Create(),
        CompareCommand.Create(),
        InfoCommand.Create(),
        ImportCommand.Create(),
        ExportCommand.Create(),
        BenchCommand.Create(),
        CheckDataCommand.Create(),
        DevicesCommand.Create(),
    };

    /// <summary>Runs the command.</summary>
    /// <param name="arguments">The verb and what belongs to it.</param>
    /// <param name="output">Where results go.</param>
    /// <param name="outputScreen">What that ends in.</param>
    /// <param name="error">Where progress and problems go.</param>
    /// <param name="errorScreen">What that ends in.</param>
    public static async Task<int> RunAsync(string[] arguments, TextWriter output, Screen outputScreen, TextWriter error, Screen errorScreen)
    {
        // A program that reads names from a pipe gets them as they are.
        output = new VisibleWriter(output, outputScreen, keepsText: !outputScreen.IsTerminal);
        error = new VisibleWriter(error, errorScreen, mayFail: true);
        DriverBindings.Register();
        RootCommand root = Build();
        root.Options.OfType<HelpOption>().Single().Action = new HelpText(outputScreen);
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (System.CommandLine.Parsing.ParseError problem in parsed.Errors)
            {
                await error.WriteLineAsync(WithoutTypeNames(problem.Message)).ConfigureAwait(false);
            }

            string[] verb = parsed.CommandResult.Command is RootCommand ? [] : [parsed.CommandResult.Command.Name];
            await error.WriteLineAsync($"See: {Suggestion.Of([.. verb, "--help"])}").ConfigureAwait(false);
            return ExitCode.BadInput;
        }

        if (GroupOption.IsGiven(parsed) && RankSupervisor.Run(error) is { } ended)
        {
            return ended;
        }

        // A verb that looks at no token is ended by the system, as any program is.
        using EndSignals? signals = parsed.Action is AsynchronousCommandLineAction ? new EndSignals(error, "dilated: ", "the last checkpoint is intact", GroupOption.IsGiven(parsed)) : null;
        try
        {
            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = output,
                    Error = error,
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                },
                signals?.Token ?? CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (CodeOf(exception) is not null)
        {
            return Tell(exception, error);
        }
    }

    /// <summary>Tells a foreseen failure in one message.</summary>
    /// <returns>Its exit code.</returns>
    public static int Tell(Exception exception, TextWriter error)
    {
        error.WriteLine($"dilated: {(exception is OperationCanceledException ? "interrupted." : ErrorText.Of(exception))}");
        return CodeOf(exception)!.Value;
    }

    private static string WithoutTypeNames(string message)
    {
        int at = message.IndexOf(" as expected type", StringComparison.Ordinal);
        string text = at < 0 ? message : message[..at] + ".";
        return text.Replace("expects a single argument but", "takes one value, and", StringComparison.Ordinal);
    }

    // A full disk or quota, which may be there again: ENOSPC, EDQUOT; on Windows two codes of a full disk.
    private static bool IsFull(IOException error) => error.HResult is 28 or 122 or unchecked((int)0x80070070) or unchecked((int)0x80070027);

    /// <summary>The exit code of a failure that is told in one message; null for one that is not foreseen.</summary>
    public static int? CodeOf(Exception exception) => exception switch
    {
        UserInputException { InnerException: IOException cause } when IsFull(cause) => ExitCode.Failed,
        // The library refuses arguments that it cannot use; what reaches it here was given by the user.
        UserInputException or SafetensorsException or ArgumentException or OverflowException => ExitCode.BadInput,
        CudaUnavailableException or MpiUnavailableException => ExitCode.NoDevice,
        OperationCanceledException => ExitCode.Interrupted,
        TrainingDivergedException or ProcessGroupException or WrongResultException or CudaException or IOException or UnauthorizedAccessException or OutOfMemoryException => ExitCode.Failed,
        _ => null,
    };
}
