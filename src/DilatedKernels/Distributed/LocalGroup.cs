using System.Diagnostics.CodeAnalysis;

namespace DilatedKernels.Distributed;

/// <summary>Members of a group that are threads of one process: to try out and to test what is meant for many processes, without MPI.</summary>
/// <example>
/// <code>
/// LocalGroup[] members = LocalGroup.Create(4);
/// Thread[] threads = [.. members.Select(member => new Thread(() => Train(member)))];
/// </code>
/// </example>
/// <remarks>Each member is used by a thread of its own: a call waits for those of the others.</remarks>
public sealed class LocalGroup : ProcessGroup
{
    private readonly Shared _shared;

    private LocalGroup(int rank, string[] hosts, Shared shared)
        : base(rank, hosts, new CallLog()) => _shared = shared;

    /// <summary>Makes a group.</summary>
    /// <param name="size">The number of members, 1 or more.</param>
    /// <returns>The members by rank.</returns>
    public static LocalGroup[] Create(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        string[] hosts = [.. Enumerable.Repeat(Environment.MachineName, size)];
        var shared = new Shared(new LocalGroup[size]);
        for (int rank = 0; rank < size; rank++)
        {
            shared.Members[rank] = new LocalGroup(rank, hosts, shared);
        }

        return shared.Members;
    }

    /// <inheritdoc/>
    [DoesNotReturn]
    public override void Fail(string reason)
    {
        Blame(Rank, reason);
        throw new ProcessGroupException(this, Rank, reason);
    }

    private protected override void Noted()
    {
        lock (_shared.Lock)
        {
            _shared.States[Rank] = Log.State;
            if (Disagreement.Find(_shared.States) is { } fault)
            {
                Blame(fault.Rank, fault.Reason);
            }
        }
    }

    private protected override void Leave() => Noted();

    private protected override Task Send(int to, int tag, Block data) => _shared.Post.Send(new LocalPost.Route(Rank, to, tag), data);

    private protected override Task Receive(int from, int tag, Block data) => _shared.Post.Receive(new LocalPost.Route(from, Rank, tag), data);

    private protected override void Blame(int rank, string reason)
    {
        // All hear of the same failure, and of none that only comes of it.
        lock (_shared.Lock)
        {
            foreach (LocalGroup member in _shared.Members)
            {
                member.Break(new ProcessGroupException(this, rank, reason));
            }
        }
    }

    private sealed record Shared(LocalGroup[] Members)
    {
        public Lock Lock { get; } = new();

        public MemberState[] States { get; } = new MemberState[Members.Length];

        public LocalPost Post { get; } = new();
    }
}
