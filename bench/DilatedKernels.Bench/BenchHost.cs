using System.CommandLine;
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
    /// <param name="termination">How long it may take to end after Ctrl-C, with what it has to write.</param>
    public static int Run(RootCommand root, string[] arguments, TimeSpan? termination = null)
    {
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            return Fail(string.Join(Environment.NewLine, parsed.Errors.Select(error => error.Message)), 2);
        }

        try
        {
            var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
            invocation.ProcessTerminationTimeout = termination ?? invocation.ProcessTerminationTimeout;
            return parsed.Invoke(invocation);
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
        catch (OperationCanceledException)
        {
            return Fail("interrupted.", 130);
        }
    }

    /// <summary>Says what is wrong.</summary>
    public static int Fail(string message, int code)
    {
        Console.Error.WriteLine(message);
        return code;
    }
}
