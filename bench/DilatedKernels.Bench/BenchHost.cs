using System.CommandLine;
using System.CommandLine.Invocation;
using DilatedKernels.Cuda;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary>How the commands of this program end: an error that a person can cause is one line on standard error and an exit code.</summary>
internal static class BenchHost
{
    /// <summary>Runs a command.</summary>
    /// <param name="root">Its options and action.</param>
    /// <param name="arguments">What was typed.</param>
    public static int Run(RootCommand root, string[] arguments)
    {
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            return Fail(string.Join(Environment.NewLine, parsed.Errors.Select(error => error.Message)), 2);
        }

        // A command that looks at no token is ended by the system, as any program is.
        using EndSignals? signals = parsed.Action is AsynchronousCommandLineAction ? new EndSignals(Console.Error, "", "results written before are intact") : null;
        try
        {
            var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
            return parsed.InvokeAsync(invocation, signals?.Token ?? CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (Exception) when (signals?.Token.IsCancellationRequested == true)
        {
            // A terminal's Ctrl-C reaches the peers too, and their end may be what is noticed first.
            return Fail("interrupted.", EndSignals.ExitCode);
        }
        catch (UserInputException error)
        {
            return Fail(error.Message, 2);
        }
        catch (CudaUnavailableException error)
        {
            return Fail(error.Message, 3);
        }
        catch (Exception error) when (error is PeerException or WrongResultException)
        {
            return Fail(error.Message, 1);
        }
    }

    /// <summary>Says what is wrong.</summary>
    public static int Fail(string message, int code)
    {
        Console.Error.WriteLine(message);
        return code;
    }
}
