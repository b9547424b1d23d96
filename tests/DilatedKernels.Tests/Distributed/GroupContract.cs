using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using DilatedKernels.Distributed;
using DilatedKernels.Optim;

namespace DilatedKernels.Tests.Distributed;

/// <summary>
/// What every <see cref="ProcessGroup"/> does. Each case is run by all processes of a group at once: threads of this process, or processes that mpirun started.
/// </summary>
public static class GroupContract
{
    private static readonly (string Name, Action<ProcessGroup> Run)[] AllCases =
    [
        (nameof(NamesProcesses), NamesProcesses),
        (nameof(SumsWholeNumbers), SumsWholeNumbers),
        (nameof(GathersAtRankZero), GathersAtRankZero),
        (nameof(GathersToAll), GathersToAll),
        (nameof(BroadcastsFromAnyRoot), BroadcastsFromAnyRoot),
        (nameof(ABarrierWaitsForTheLast), ABarrierWaitsForTheLast),
        (nameof(SumsInTheOrderOfTheTree), SumsInTheOrderOfTheTree),
        (nameof(TheSumMayTakeTheFirstNodesPlace), TheSumMayTakeTheFirstNodesPlace),
        (nameof(SeveralSumsAreUnderWay), SeveralSumsAreUnderWay),
        (nameof(AWaitCanBeCancelled), AWaitCanBeCancelled),
        (nameof(DistributesWork), DistributesWork),
        (nameof(ASlowPieceLeavesNobodyIdle), ASlowPieceLeavesNobodyIdle),
        (nameof(WorkThatIsCancelledAnywhereStopsEverywhere), WorkThatIsCancelledAnywhereStopsEverywhere),
        (nameof(RefusesWrongArguments), RefusesWrongArguments),
    ];

    public static IEnumerable<string> Cases => AllCases.Select(c => c.Name);

    public static void Run(string name, ProcessGroup group) => AllCases.Single(c => c.Name == name).Run(group);

    private static void NamesProcesses(ProcessGroup group)
    {
        Assert.That(group.Size, Is.GreaterThanOrEqualTo(1));
        Assert.That(group.Rank, Is.InRange(0, group.Size - 1));
        Assert.That(group.HostOf(group.Rank), Is.EqualTo(Environment.MachineName));
        Assert.That(group.HostOf(group.Size - 1), Is.EqualTo(Environment.MachineName));
        Assert.That((group.LocalRank, group.LocalSize), Is.EqualTo((group.Rank, group.Size)));
        Assert.That(group.NameOf(0), Is.EqualTo($"rank 0 of {group.Size} on host {Environment.MachineName}"));
        Assert.That(() => group.HostOf(group.Size), Throws.InstanceOf<ArgumentOutOfRangeException>());
        byte[][] ranks = group.AllGather([(byte)group.Rank]);
        Assert.That(ranks.Select(rank => (int)rank[0]), Is.EqualTo(Enumerable.Range(0, group.Size)));
    }

    private static void SumsWholeNumbers(ProcessGroup group)
    {
        long[] sum = group.Sum([1, group.Rank, -group.Rank, long.MaxValue, 1L << 40]);
        long ranks = group.Size * (group.Size - 1L) / 2;
        Assert.That(sum, Is.EqualTo([group.Size, ranks, -ranks, unchecked(long.MaxValue * group.Size), group.Size * (1L << 40)]));
        Assert.That(group.Sum([]), Is.Empty);
    }

    private static void GathersAtRankZero(ProcessGroup group)
    {
        // Of very different length, one of them empty.
        byte[][] messages = group.Gather(Message(group.Rank));
        Assert.That(messages, Is.EqualTo(group.Rank == 0 ? [.. Enumerable.Range(0, group.Size).Select(Message)] : Array.Empty<byte[]>()));
    }

    private static void GathersToAll(ProcessGroup group) =>
        Assert.That(group.AllGather(Message(group.Rank)), Is.EqualTo(Enumerable.Range(0, group.Size).Select(Message)));

    private static void BroadcastsFromAnyRoot(ProcessGroup group)
    {
        for (int root = 0; root < group.Size; root++)
        {
            // Longer than any library sends without asking, and no multiple of anything.
            foreach (int length in new[] { 0, 1, 4097, 3_000_001 })
            {
                byte[] expected = Bytes(length, root);
                byte[] data = group.Rank == root ? [.. expected] : new byte[length];
                group.Broadcast(data, root);
                Assert.That(data.AsSpan().SequenceEqual(expected), Is.True, $"{length} bytes from rank {root}");
            }
        }
    }

    private static void ABarrierWaitsForTheLast(ProcessGroup group)
    {
        // Stopwatches of one machine agree.
        for (int last = 0; last < group.Size; last++)
        {
            if (group.Rank == last)
            {
                Thread.Sleep(30);
            }

            long came = Stopwatch.GetTimestamp();
            group.Barrier();
            long went = Stopwatch.GetTimestamp();
            byte[] times = MemoryMarshal.AsBytes([came, went]).ToArray();
            long[][] all = [.. group.AllGather(times).Select(message => MemoryMarshal.Cast<byte, long>(message).ToArray())];
            Assert.That(all.Min(time => time[1]), Is.GreaterThanOrEqualTo(all.Max(time => time[0])));
        }
    }

    private static void SumsInTheOrderOfTheTree(ProcessGroup group)
    {
        foreach (int parts in new[] { group.Size, group.Size + 1, 5, 8, 13, 32 }.Where(parts => parts >= group.Size))
        {
            foreach (int length in new[] { 0, 1, 2, 7, 1024, 1025, 4099 })
            {
                float[] result = new float[length];
                group.BeginSum(Nodes(group, parts, length, seed: 0), parts, result).Wait();
                AssertSameBits(result, TreeSums.Of(0, parts, length, seed: 0), $"{parts} parts, {length} values");
            }
        }
    }

    private static void TheSumMayTakeTheFirstNodesPlace(ProcessGroup group)
    {
        const int length = 500_003;
        int parts = 2 * group.Size;
        float[][] nodes = Nodes(group, parts, length, seed: 1);
        group.BeginSum(nodes, parts, nodes[0]).Wait();
        AssertSameBits(nodes[0], TreeSums.Of(0, parts, length, seed: 1), "in place");
    }

    private static void SeveralSumsAreUnderWay(ProcessGroup group)
    {
        int parts = 4 * group.Size;
        int[] lengths = [100_000, 3, 0, 70_001, 1];
        float[][] results = [.. lengths.Select(length => new float[length])];
        PendingSum[] sums = [.. lengths.Select((length, i) => group.BeginSum(Nodes(group, parts, length, seed: i), parts, results[i]))];

        // Others fit in between, and they are waited for in another order than they were begun.
        Assert.That(group.Sum([1]), Is.EqualTo(new long[] { group.Size }));
        foreach (int i in new[] { 4, 0, 2, 1, 3 })
        {
            sums[i].Wait();
            Assert.That(sums[i].IsCompleted, Is.True);
            AssertSameBits(results[i], TreeSums.Of(0, parts, lengths[i], seed: i), $"sum {i}");
        }
    }

    private static void AWaitCanBeCancelled(ProcessGroup group)
    {
        float[] result = new float[10];
        PendingSum sum = group.BeginSum(Nodes(group, group.Size, 10, seed: 3), group.Size, result);
        using (var cancellation = new CancellationTokenSource())
        {
            cancellation.Cancel();
            Assert.That(() => sum.Wait(cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        }

        sum.Wait();
        AssertSameBits(result, TreeSums.Of(0, group.Size, 10, seed: 3), "after a wait that was cancelled");
    }

    private static void DistributesWork(ProcessGroup group)
    {
        foreach (int count in new[] { 0, 1, 2, 50 })
        {
            var here = new List<int>();
            var told = new Dictionary<int, byte[]>();
            bool all = group.Distribute(
                count,
                piece =>
                {
                    here.Add(piece);
                    return Message(piece % 3);
                },
                told.Add);
            Assert.That(all, Is.True);
            int[] pieces = [.. group.AllGather(MemoryMarshal.AsBytes(here.ToArray().AsSpan()).ToArray()).SelectMany(bytes => MemoryMarshal.Cast<byte, int>(bytes).ToArray())];
            Assert.That(pieces.Order(), Is.EqualTo(Enumerable.Range(0, count)), "each on one process");
            Assert.That(told.Keys.Order(), Is.EqualTo(group.Rank == 0 ? Enumerable.Range(0, count) : []));
            Assert.That(told, Has.All.Matches((KeyValuePair<int, byte[]> piece) => piece.Value.AsSpan().SequenceEqual(Message(piece.Key % 3))));
        }
    }

    // One process keeps the first piece until rank 0 has heard of all others.
    private static void ASlowPieceLeavesNobodyIdle(ProcessGroup group)
    {
        const int count = 20;
        int heard = 0;
        string mark = Path.Combine(Path.GetTempPath(), $"heard-{Encoding.UTF8.GetString(group.AllGather(Encoding.UTF8.GetBytes($"{Guid.NewGuid()}"))[0])}");
        try
        {
            bool all = group.Distribute(
                count,
                piece =>
                {
                    Assert.That(SpinWait.SpinUntil(() => group.Size == 1 || piece > 0 || File.Exists(mark), TimeSpan.FromSeconds(10)), "the others go on");
                    return [];
                },
                (_, _) =>
                {
                    if (++heard == count - 1)
                    {
                        File.WriteAllBytes(mark, []);
                    }
                });
            Assert.That(all, Is.True);
        }
        finally
        {
            File.Delete(mark);
        }
    }

    private static void WorkThatIsCancelledAnywhereStopsEverywhere(ProcessGroup group)
    {
        for (int rank = 0; rank < group.Size; rank++)
        {
            foreach (bool throws in new[] { true, false })
            {
                using var cancellation = new CancellationTokenSource();
                int begun = 0;
                bool all = group.Distribute(
                    100_000,
                    piece =>
                    {
                        if (group.Rank == rank)
                        {
                            Assert.That(++begun, Is.EqualTo(1), "none after the cancelled one");
                            cancellation.Cancel();
                            if (throws)
                            {
                                cancellation.Token.ThrowIfCancellationRequested();
                            }
                        }

                        Thread.Sleep(1);
                        return [];
                    },
                    (_, _) => { },
                    cancellation.Token);
                Assert.That(all, Is.False);
            }
        }
    }

    private static void RefusesWrongArguments(ProcessGroup group)
    {
        float[][] nodes = Nodes(group, group.Size, 10, seed: 0);
        Assert.That(() => group.BeginSum([.. nodes, new float[10]], group.Size, new float[10]), Throws.ArgumentException.With.Message.Contains("holds 1 nodes"));
        Assert.That(() => group.BeginSum(nodes, group.Size, new float[11]), Throws.ArgumentException.With.Message.Contains("10 values and the result 11"));
        Assert.That(() => group.Broadcast([], group.Size), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains($"ranks 0 to {group.Size - 1}"));
        Assert.That(() => group.Gather(null!), Throws.ArgumentNullException);
        Assert.That(() => group.Distribute(-1, _ => [], (_, _) => { }), Throws.InstanceOf<ArgumentOutOfRangeException>());

        // None of them counts as a call.
        group.Barrier();
    }

    private static byte[] Message(int rank) => Bytes(rank == 1 ? 0 : (rank * 100_000) + 3, rank);

    private static byte[] Bytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static float[][] Nodes(ProcessGroup group, int parts, int length, int seed)
    {
        int begin = (int)((long)group.Rank * parts / group.Size);
        int end = (int)((group.Rank + 1L) * parts / group.Size);
        return [.. SumTree.Nodes(begin, end).Select(node => TreeSums.OfNode(node.Begin, node.Length, length, seed))];
    }

    private static void AssertSameBits(float[] actual, float[] expected, string what) =>
        Assert.That(MemoryMarshal.AsBytes(actual.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(expected.AsSpan())), Is.True, what);
}
