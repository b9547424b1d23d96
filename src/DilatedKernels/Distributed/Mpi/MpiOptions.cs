namespace DilatedKernels.Distributed;

/// <summary>When an <see cref="MpiGroup"/> gives a process up. A time of more than 20 days counts as 20 days.</summary>
public sealed record MpiOptions
{
    internal static readonly TimeSpan ShortestSilence = TimeSpan.FromSeconds(2);

    /// <summary>After so long without a sign of life a process is lost: stopped, its machine down, or the network cut. 2 s or more.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the start may take, from the moment that a process joins until MPI has started in all.</summary>
    public TimeSpan Start { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long others wait at least for a process that is alive but does not come to a call, or does not leave when they have; as long as ten times the longest that any process has computed between
    /// two calls so far, where that is longer; and ten times all that for one that goes on, where <see cref="Stall"/> asks for signs of it. What one process does alone while the others wait must take less.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// After so long without a sign of going on (<see cref="Watchdog"/>) and without waiting for a call, a process is given up, whether others wait for it already or not; null for never. Ten times the
    /// longest such time of the process so far, and at most <see cref="Patience"/>, where that is longer. Only for programs whose own work gives signs.
    /// </summary>
    public TimeSpan? Stall { get; init; }

    /// <summary>Takes the one line that says who ended the job and why, and at rank 0 the one that says why GPUs exchange their gradients through host memory; to standard error by default.</summary>
    public Action<string> Report { get; init; } = Console.Error.WriteLine;

    /// <summary>With no time longer than one that stands for ever.</summary>
    internal MpiOptions Within(TimeSpan longest)
    {
        return this with { Silence = Least(Silence), Start = Least(Start), Patience = Least(Patience), Stall = Stall is { } stall ? Least(stall) : null };
        TimeSpan Least(TimeSpan time) => time < longest ? time : longest;
    }
}
