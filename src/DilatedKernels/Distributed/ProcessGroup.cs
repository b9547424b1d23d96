using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace DilatedKernels.Distributed;

/// <summary>
/// The processes of one job, numbered 0 to <see cref="Size"/> − 1, and what they do together. Every process makes the same calls in the same order, from one
/// thread at a time; a call returns when this process's share is done. A process that calls otherwise than the others, leaves early, or does not come ends the call with
/// a <see cref="ProcessGroupException"/> that names it.
/// </summary>
/// <example>
/// <code>
/// using ProcessGroup group = MpiGroup.Join();
/// try
/// {
///     long[] total = group.Sum([myImages]);
/// }
/// catch (Exception e)
/// {
///     group.Fail(e.Message);
/// }
/// </code>
/// </example>
public abstract partial class ProcessGroup : IDisposable
{
    private string[] _hosts;
    private bool _disposed;

    private protected ProcessGroup(int rank, IReadOnlyList<string> hosts, CallLog log)
    {
        Log = log;
        Rank = rank;
        Size = hosts.Count;
        _hosts = [.. hosts];
    }

    /// <summary>The number of this process, 0 to <see cref="Size"/> − 1.</summary>
    public int Rank { get; }

    /// <summary>The number of processes, 1 or more.</summary>
    public int Size { get; }

    /// <summary>How many processes of a lower rank run on this one's host: which of the host's devices is this process's.</summary>
    public int LocalRank => _hosts.Take(Rank).Count(host => host == _hosts[Rank]);

    /// <summary>How many processes run on this one's host.</summary>
    public int LocalSize => _hosts.Count(host => host == _hosts[Rank]);

    /// <summary>The name of the machine that a process runs on.</summary>
    /// <param name="rank">0 to <see cref="Size"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such process.</exception>
    public string HostOf(int rank)
    {
        CheckRank(rank, nameof(rank));
        return _hosts[rank];
    }

    /// <summary>How messages name a process, such as <c>rank 2 of 4 on host node7</c>.</summary>
    /// <param name="rank">0 to <see cref="Size"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such process.</exception>
    public string NameOf(int rank) => $"rank {rank} of {Size} on host {HostOf(rank)}";

    /// <summary>Adds up whole numbers, place by place.</summary>
    /// <param name="values">As many on every process.</param>
    /// <returns>The sums, on every process. Beyond 64 bits they wrap around.</returns>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public long[] Sum(ReadOnlySpan<long> values) => Wait(Run(new Call(CallKind.Sum, values.Length), SumAsync, values.ToArray()));

    /// <summary>Brings a message of every process, of any length, to rank 0.</summary>
    /// <param name="message">This process's.</param>
    /// <returns>At rank 0 the messages by rank; at the others none.</returns>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public byte[][] Gather(byte[] message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Wait(Run(new Call(CallKind.Gather, 0), GatherAsync, message));
    }

    /// <summary>Brings a message of every process, of any length, to all.</summary>
    /// <param name="message">This process's.</param>
    /// <returns>The messages by rank.</returns>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public byte[][] AllGather(byte[] message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Wait(Run(new Call(CallKind.AllGather, 0), AllGatherAsync, message));
    }

    /// <summary>Brings bytes of one process to all.</summary>
    /// <param name="data">As many on every process; overwritten on all but <paramref name="root"/>.</param>
    /// <param name="root">Whose.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no process <paramref name="root"/>.</exception>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public void Broadcast(Span<byte> data, int root = 0)
    {
        CheckRank(root, nameof(root));

        // A copy, because the caller's memory may be gone when a call that failed still moves bytes.
        Wait(Run(new Call(CallKind.Broadcast, data.Length, root), BroadcastAsync, data.ToArray())).CopyTo(data);
    }

    /// <summary>Waits until every process has come here.</summary>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call.</exception>
    public void Barrier() => Wait(Run(new Call(CallKind.Barrier, 0), SumAsync, Array.Empty<long>()));

    /// <summary>
    /// Begins to add up what the parts of a step gave, in the order of one fixed tree over all parts: the sum has the same bits for every number of processes. Other calls
    /// may be made meanwhile, and further sums begun.
    /// </summary>
    /// <param name="nodes">
    /// What this process has of the tree: its stretch of the parts, from <c>parts · rank / size</c> to before <c>parts · (rank + 1) / size</c>, cut in order into the longest runs of a power of two of
    /// parts that begin at a multiple of their length; of each run the sum, itself added in halves. All are as long as <paramref name="result"/>, and must not be changed before the sum is there.
    /// </param>
    /// <param name="parts">The number of parts of all processes together.</param>
    /// <param name="result">Where to put the sum, on every process. May be one of <paramref name="nodes"/>.</param>
    /// <returns>What to wait for.</returns>
    /// <remarks>
    /// Two neighbours that make up a run of twice their length are added first, and what is left at the end from left to right. Each process owns a slice of <c>length / size</c>
    /// values: it gets that slice of every node, adds, and sends the sum to all. So a process sends and receives about <c>2 · length</c> values, however many
    /// processes there are, and more only where one holds several nodes.
    /// </remarks>
    /// <exception cref="ArgumentException">The number or length of the nodes is not as above.</exception>
    public PendingSum BeginSum(IReadOnlyList<float[]> nodes, int parts, float[] result)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(result);
        ArgumentOutOfRangeException.ThrowIfNegative(parts);
        var sum = new OrderedSum(nodes, parts, result, Rank, Size);
        return new PendingSum(this, Run(new Call(CallKind.OrderedSum, result.Length, parts), OrderedSumAsync, sum));
    }

    /// <summary>
    /// Ends the whole job because this process cannot go on: the reason is told with rank and host, and all processes of the job end with an exit code other than 0.
    /// Where the processes are threads of one (<see cref="LocalGroup"/>), their calls throw instead, this one first.
    /// </summary>
    /// <param name="reason">Why, in one line.</param>
    /// <exception cref="ProcessGroupException">The group is a <see cref="LocalGroup"/>.</exception>
    [DoesNotReturn]
    public abstract void Fail(string reason);

    /// <summary>Leaves the group. Sums that have begun are still finished. A process that leaves while others still wait for another call of it ends their calls.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _link?.Dispose();
            _disposed = true;
            Log.Leave();
            Leave();
        }

        GC.SuppressFinalize(this);
    }

    /// <summary>How far this process is.</summary>
    internal CallLog Log { get; }

    /// <summary>Called when a call has been noted in the <see cref="Log"/>, before any message of it.</summary>
    private protected virtual void Noted()
    {
    }

    /// <summary>Tells the others, or ends them: a call found a process at fault.</summary>
    private protected abstract void Blame(int rank, string reason);

    /// <summary>Called once, when the <see cref="Log"/> says that this process has left.</summary>
    private protected abstract void Leave();

    /// <summary>Sends bytes to another process. What is sent to one process under one tag is received in that order. Any thread may call.</summary>
    private protected abstract Task Send(int to, int tag, Block data);

    /// <summary>Receives exactly as many bytes as were sent.</summary>
    private protected abstract Task Receive(int from, int tag, Block data);

    /// <summary>Exchanges the hosts' names; the first call of every process.</summary>
    private protected void ExchangeHosts(string host) =>
        _hosts = [.. AllGather(Encoding.UTF8.GetBytes(host)).Select(Encoding.UTF8.GetString)];

    private void CheckRank(int rank, string name)
    {
        if (rank < 0 || rank >= Size)
        {
            throw new ArgumentOutOfRangeException(name, rank, $"The group has ranks 0 to {Size - 1}; there is no rank {rank}.");
        }
    }
}
