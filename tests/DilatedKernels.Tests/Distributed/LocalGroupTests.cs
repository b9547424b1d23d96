using DilatedKernels.Distributed;

namespace DilatedKernels.Tests.Distributed;

public class LocalGroupTests
{
    [Test]
    public void KeepsTheContract([ValueSource(typeof(GroupContract), nameof(GroupContract.Cases))] string name, [Values(1, 2, 3, 4, 7)] int size) =>
        LocalThreads.Run(size, group => GroupContract.Run(name, group));

    [Test]
    public void AFailureEndsTheCallsOfAll()
    {
        string message = $"rank 2 of 3 on host {Environment.MachineName}: the disk is full";
        Exception?[] errors = LocalThreads.Errors(3, group =>
        {
            if (group.Rank == 2)
            {
                group.Fail("the disk is full");
            }

            group.Barrier();
        });
        Assert.That(errors, Is.All.InstanceOf<ProcessGroupException>().With.Message.EqualTo(message));
    }

    [Test]
    public void WhoLeavesEarlyIsNamed()
    {
        Exception?[] errors = LocalThreads.Errors(3, group =>
        {
            group.Barrier();
            if (group.Rank == 1)
            {
                group.Dispose();
                return;
            }

            group.Sum([1]);
        });
        Assert.That(errors[1], Is.Null);
        Assert.That(errors[0], Is.InstanceOf<ProcessGroupException>().With.Message.EqualTo(errors[2]!.Message));
        Assert.That(errors[0]!.Message, Does.Match(@"^rank 1 of 3 on host .*: left the group after 1 calls, and rank [02] has begun 2$"));
    }

    [Test]
    public void WhoLeavesAfterTheLastCallDisturbsNobody()
    {
        Exception?[] errors = LocalThreads.Errors(4, group =>
        {
            group.Sum([1]);
            group.Dispose();
            group.Dispose();
        });
        Assert.That(errors, Is.All.Null);
    }

    [Test]
    public void ACallAfterLeavingIsRefused()
    {
        LocalGroup group = LocalGroup.Create(1)[0];
        group.Dispose();
        Assert.That(group.Barrier, Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void APieceOfWorkThatFailsEndsTheWorkOfAll([Values(0, 1, 2)] int rank)
    {
        Exception?[] errors = LocalThreads.Errors(3, group => group.Distribute(
            100_000,
            _ =>
            {
                Thread.Sleep(1);
                return group.Rank == rank ? throw new IOException("the disk is full") : [];
            },
            (_, _) => { }));
        Assert.That(errors[rank], Is.InstanceOf<IOException>());
        string message = $"rank {rank} of 3 on host {Environment.MachineName}: the disk is full";
        Assert.That(errors.Where((_, other) => other != rank), Is.All.InstanceOf<ProcessGroupException>().With.Message.EqualTo(message));
    }

    [Test]
    public void WhoCannotHearOfWorkStopsItAndFails()
    {
        int done = 0;
        Exception?[] errors = LocalThreads.Errors(3, group => group.Distribute(
            100_000,
            _ =>
            {
                Interlocked.Increment(ref done);
                Thread.Sleep(1);
                return [];
            },
            (_, _) => throw new IOException("the pipe is closed")));
        Assert.That(errors[0], Is.InstanceOf<IOException>().With.Message.EqualTo("the pipe is closed"));
        Assert.That(done, Is.LessThan(10_000));
    }

    [TestCaseSource(nameof(DifferentCalls))]
    public void DifferentCallsAreToldApart(Action<ProcessGroup> one, Action<ProcessGroup> other, string expected)
    {
        Exception?[] errors = LocalThreads.Errors(2, group => (group.Rank == 0 ? one : other)(group));
        Assert.That(errors.Select(e => e!.Message), Has.All.Contains(expected).And.All.Contains("all processes must make the same calls in the same order"));
    }

    private static IEnumerable<TestCaseData> DifferentCalls()
    {
        yield return Case("kind", group => group.Sum([1]), group => group.Broadcast(new byte[8]), "Broadcast of 8 bytes from rank 0 as call 1");
        yield return Case("number of values", group => group.Sum([1]), group => group.Sum([1, 2]), "Sum of 2 values");
        yield return Case("root", group => group.Broadcast(new byte[8]), group => group.Broadcast(new byte[8], 1), "Broadcast of 8 bytes from rank 1");
        yield return Case("length", group => Sum(group, 10, 2), group => Sum(group, 11, 2), "BeginSum of 11 values over 2 parts");
        yield return Case("pieces", group => Distribute(group, 3), group => Distribute(group, 4), "Distribute of 4 pieces of work");
        yield return Case("parts", group => Sum(group, 10, 2), group => Sum(group, 10, 4), "BeginSum of 10 values over 4 parts");

        static void Sum(ProcessGroup group, int length, int parts) =>
            group.BeginSum([new float[length]], parts, new float[length]).Wait();

        static void Distribute(ProcessGroup group, int count) => group.Distribute(count, _ => [], (_, _) => { });

        static TestCaseData Case(string name, Action<ProcessGroup> one, Action<ProcessGroup> other, string expected) =>
            new TestCaseData(one, other, expected).SetArgDisplayNames(name);
    }
}
