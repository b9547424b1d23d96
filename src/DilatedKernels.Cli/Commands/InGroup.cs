using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary>Runs a verb as one of several processes, so that a failure is told once, with its reason.</summary>
internal static class InGroup
{
    /// <summary>Runs it; the group is still joined afterwards.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="error">This process's standard error.</param>
    /// <param name="verb">What to do; gives the exit code.</param>
    /// <returns>The exit code, where the verb ends or fails on all processes alike. Where it fails on this one alone, the job ends.</returns>
    public static int Run(ProcessGroup group, TextWriter error, Func<int> verb)
    {
        try
        {
            return verb();
        }
        catch (Exception e) when (Together.IsCommon(e) && CommandLine.CodeOf(e) is not null)
        {
            // Told before the group is left: mpirun kills the others as soon as one process has ended with an error.
            return CommandLine.Tell(e, group.Rank == 0 ? error : TextWriter.Null);
        }
        catch (ProcessGroupException)
        {
            // The group tells who is at fault, and ends the job.
            return ExitCode.Failed;
        }
        catch (Exception e)
        {
            if (CommandLine.CodeOf(e) is null)
            {
                error.WriteLine(e);
            }

            group.Fail(ErrorText.Of(e));
            throw;
        }
    }
}
