using System.CommandLine;
using System.Globalization;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--distributed</c> of the verbs that several processes may share.</summary>
internal sealed class GroupOption(string description)
{
    private const string Name = "--distributed";

    // The first process writes checkpoints while the others wait, on a file system that may be slow.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    // A job ends within half a minute of a process that hangs, or does not come.
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(25);
    private const int LongestStart = 86_400;
    private const string StartVariable = "DILATEDKERNELS_MPI_START";

    public Option<bool> Option { get; } = new(Name) { Description = description };

    /// <summary>Whether the command is to run as one of several processes.</summary>
    public static bool IsGiven(ParseResult result) =>
        result.CommandResult.Command.Options.OfType<Option<bool>>().FirstOrDefault(option => option.Name == Name) is { } option && result.GetValue(option);

    /// <summary>Runs a verb, where that is asked for as one of the processes that mpirun started; else with null.</summary>
    public int Run(ParseResult result, Func<ProcessGroup?, int> verb)
    {
        TextWriter error = result.InvocationConfiguration.Error;
        if (!result.GetValue(Option))
        {
            if (MpiGroup.WasLaunched(out int rank, out int size) && rank == 0 && size > 1)
            {
                error.WriteLine($"mpirun started {size} processes, and each does all of this by itself; to share it, give {Name}.");
            }

            return verb(null);
        }

        using ProcessGroup group = Join(error);
        return InGroup.Run(group, error, () => verb(group));
    }

    private static MpiGroup Join(TextWriter error)
    {
        TimeSpan start = StartTime();
        try
        {
            return MpiGroup.Join(new MpiOptions { Start = start, Patience = Patience, Stall = Stall, Report = error.WriteLine });
        }
        catch (ProcessGroupException e)
        {
            throw new ProcessGroupException($"{Own()}{e.Message}. Every process of the job needs {Name}; where MPI only takes longer to start, {StartVariable} allows for more seconds.");
        }
        catch (MpiUnavailableException e)
        {
            throw new MpiUnavailableException(Own() + e.Message);
        }
    }

    // Before the processes know each other, each speaks for itself.
    private static string Own() => MpiGroup.WasLaunched(out int rank, out int size) ? string.Create(CultureInfo.InvariantCulture, $"rank {rank} of {size} on host {Environment.MachineName}: ") : "";

    private static TimeSpan StartTime()
    {
        string? text = Environment.GetEnvironmentVariable(StartVariable);
        return string.IsNullOrEmpty(text) ? Stall
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is >= 1 and <= LongestStart ? TimeSpan.FromSeconds(seconds)
            : throw new UserInputException($"{Own()}{StartVariable} is how long MPI may take to start, from 1 to {LongestStart} seconds; it was '{text}'.");
    }
}
