using System.Collections.Concurrent;
using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests.Backends.Cpu;

[CancelAfter(60_000)]
public class WorkerPoolTests
{
    [Test]
    public void EveryPieceRunsOnce([Values(1, 2, 5)] int threads, [Values(0, 1, 2, 3, 1000)] int pieces)
    {
        using var pool = new WorkerPool(threads);
        int[] runs = new int[pieces];
        pool.For(pieces, piece => Interlocked.Increment(ref runs[piece]));
        Assert.That(runs, Is.All.EqualTo(1));
    }

    [Test]
    public void PiecesThatRunAtOneTimeHaveDifferentSlots([Values(1, 2, 5)] int threads, [Values(1, 2, 3, 200)] int pieces)
    {
        using var pool = new WorkerPool(threads);
        int slots = pool.SlotsFor(pieces);
        int[] inUse = new int[slots];
        for (int job = 0; job < 50; job++)
        {
            pool.For(pieces, (_, slot) =>
            {
                Assert.That(Interlocked.Increment(ref inUse[slot]), Is.EqualTo(1));
                Thread.SpinWait(20);
                Interlocked.Decrement(ref inUse[slot]);
            });
        }
    }

    [Test]
    public void AThreadHasTheSameSlotAndTheSameFirstPieceInEveryJob()
    {
        using var pool = new WorkerPool(3);
        var slotOf = new ConcurrentDictionary<int, int>();
        var firstOf = new ConcurrentDictionary<int, int>();
        for (int job = 0; job < 100; job++)
        {
            // Three pieces that wait for each other run on three threads.
            using var all = new Barrier(3);
            pool.For(6, (piece, slot) =>
            {
                int thread = Environment.CurrentManagedThreadId;
                Assert.That(slotOf.GetOrAdd(thread, slot), Is.EqualTo(slot));
                if (piece % 2 == 0)
                {
                    Assert.That(firstOf.GetOrAdd(thread, piece), Is.EqualTo(piece));
                    all.SignalAndWait(30_000);
                }
            });
        }

        Assert.That(firstOf.Values, Is.EquivalentTo([0, 2, 4]));
    }

    [Test]
    public void AThreadThatIsLateHasItsPiecesDoneByOthers()
    {
        using var pool = new WorkerPool(2);
        using var rest = new CountdownEvent(9);
        int[] runs = new int[10];
        pool.For(10, piece =>
        {
            Interlocked.Increment(ref runs[piece]);
            if (piece == 5)
            {
                // The first of the second thread's stretch: the rest of it must not need this thread.
                Assert.That(rest.Wait(30_000), Is.True);
                return;
            }

            rest.Signal();
        });
        Assert.That(runs, Is.All.EqualTo(1));
    }

    [Test]
    public void JobsNeverMixAcrossBurstsAndPauses()
    {
        using var pool = new WorkerPool(4);
        for (int job = 0; job < 3000; job++)
        {
            int sum = 0;
            pool.For(7, piece => Interlocked.Add(ref sum, piece + 1));
            Assert.That(sum, Is.EqualTo(28), $"job {job}");
            if (job % 300 == 0)
            {
                // Long enough for the workers to go to sleep.
                Thread.Sleep(20);
            }
        }
    }

    [Test]
    public void ASleepingWorkerWakesForAJob()
    {
        using var pool = new WorkerPool(2);
        for (int round = 0; round < 5; round++)
        {
            Thread.Sleep(30);
            // Two pieces that wait for each other finish only on two threads.
            using var both = new Barrier(2);
            pool.For(2, _ => Assert.That(both.SignalAndWait(30_000), Is.True, "the worker did not come"));
        }
    }

    [Test]
    public void TheFirstExceptionComesBackAndThePoolStaysUsable([Values(1, 3)] int threads)
    {
        using var pool = new WorkerPool(threads);
        for (int round = 0; round < 50; round++)
        {
            Assert.That(
                () => pool.For(20, piece => throw new InvalidOperationException($"piece {piece}")),
                Throws.InvalidOperationException.With.Message.StartsWith("piece "));
            int runs = 0;
            pool.For(20, _ => Interlocked.Increment(ref runs));
            Assert.That(runs, Is.EqualTo(20));
        }
    }

    [Test]
    public void AJobInsideAPieceRunsThere()
    {
        using var pool = new WorkerPool(3);
        int runs = 0;
        pool.For(8, _ =>
        {
            int thread = Environment.CurrentManagedThreadId;
            pool.For(8, _ =>
            {
                Assert.That(Environment.CurrentManagedThreadId, Is.EqualTo(thread));
                Interlocked.Increment(ref runs);
            });
        });
        Assert.That(runs, Is.EqualTo(64));
    }

    [Test]
    public void CallersOnSeveralThreadsTakeTurns()
    {
        using var pool = new WorkerPool(3);
        int runs = 0;
        Thread[] callers = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (int job = 0; job < 200; job++)
            {
                pool.For(5, _ => Interlocked.Increment(ref runs));
            }
        }))];
        Array.ForEach(callers, t => t.Start());
        Array.ForEach(callers, t => t.Join());
        Assert.That(runs, Is.EqualTo(4 * 200 * 5));
    }

    [Test]
    public void WorkIsDoneAfterDisposeToo()
    {
        var pool = new WorkerPool(3);
        pool.Dispose();
        pool.Dispose();
        int runs = 0;
        pool.For(10, _ => Interlocked.Increment(ref runs));
        Assert.That(runs, Is.EqualTo(10));
    }
}
