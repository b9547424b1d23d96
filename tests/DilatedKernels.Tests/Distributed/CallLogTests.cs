using DilatedKernels.Distributed;

namespace DilatedKernels.Tests.Distributed;

public class CallLogTests
{
    private static readonly Call Sum = new(CallKind.Sum, 3);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Test]
    public void TellsHowFarAProcessIs()
    {
        var log = new CallLog();
        Assert.That((log.State.Begun, log.State.Open, log.State.HasLeft), Is.EqualTo((0L, -1L, false)));
        log.Begin(new NumberedCall(0, Sum));
        log.Begin(new NumberedCall(1, Sum with { Length = 4 }));
        Assert.That((log.State.Begun, log.State.Call.Length, log.State.Open), Is.EqualTo((2L, 4L, 0L)));
        log.End(new NumberedCall(0, Sum));
        Assert.That(log.State.Open, Is.EqualTo(1));
        log.End(new NumberedCall(1, Sum));
        log.Leave();
        Assert.That((log.State.Begun, log.State.Open, log.State.HasLeft), Is.EqualTo((2L, -1L, true)));
    }

    [Test]
    public void WaitingIsTimeInACallInWhichNothingMoves()
    {
        var log = new CallLog();
        log.Pass(Second);
        Assert.That(log.State.Waiting, Is.EqualTo(TimeSpan.Zero));
        log.Begin(new NumberedCall(0, Sum));
        log.Pass(Second);
        log.Pass(Second);
        Assert.That(log.State.Waiting, Is.EqualTo(2 * Second));
        log.Move();
        log.Pass(Second);
        Assert.That(log.State.Waiting, Is.EqualTo(Second));
        log.End(new NumberedCall(0, Sum));
        log.Pass(Second);
        Assert.That(log.State.Waiting, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public void AStallIsTimeWithoutASignOrACall()
    {
        var log = new CallLog();
        Look(log, 3, isMarked: false);
        Assert.That(log.State.Stalled, Is.EqualTo(3 * Second));
        Look(log, 1, isMarked: true);
        Assert.That((log.State.Stalled, log.State.LongestStall), Is.EqualTo((TimeSpan.Zero, 3 * Second)));

        // Who waits for a call does not stall, but who computes while one is under way may.
        log.Begin(new NumberedCall(0, Sum));
        Look(log, 2, isMarked: false);
        Assert.That(log.State.Stalled, Is.EqualTo(2 * Second));
        log.Block();
        Look(log, 9, isMarked: false);
        Assert.That(log.State.Stalled, Is.EqualTo(TimeSpan.Zero));
        log.Unblock();
        log.End(new NumberedCall(0, Sum));
        Look(log, 1, isMarked: false);
        Assert.That((log.State.Stalled, log.State.LongestStall), Is.EqualTo((Second, 3 * Second)));

        // A call that begins is a sign.
        log.Begin(new NumberedCall(1, Sum));
        Assert.That(log.State.Stalled, Is.EqualTo(TimeSpan.Zero));
        log.End(new NumberedCall(1, Sum));
        log.Leave();
        Look(log, 9, isMarked: false);
        Assert.That(log.State.Stalled, Is.EqualTo(TimeSpan.Zero));
    }

    [Test]
    public void ASuspensionCountsButIsNotUsual()
    {
        var log = new CallLog();
        Look(log, 30, isMarked: false, isSuspended: true);
        Assert.That((log.State.Stalled, log.State.IsSuspended), Is.EqualTo((30 * Second, true)));
        Look(log, 1, isMarked: true);
        Assert.That((log.State.Stalled, log.State.LongestStall, log.State.IsSuspended), Is.EqualTo((TimeSpan.Zero, TimeSpan.Zero, false)));
    }

    [Test]
    public void TimeBetweenCallsCounts()
    {
        var log = new CallLog();
        log.Begin(new NumberedCall(0, Sum));
        log.End(new NumberedCall(0, Sum));
        Thread.Sleep(50);
        log.Begin(new NumberedCall(1, Sum));
        Thread.Sleep(200);
        log.End(new NumberedCall(1, Sum));
        Assert.That(log.State.LongestAway.TotalMilliseconds, Is.GreaterThanOrEqualTo(45));
    }

    private static void Look(CallLog log, int seconds, bool isMarked, bool isSuspended = false)
    {
        for (int i = 0; i < seconds; i++)
        {
            log.Look(Second, isMarked, isSuspended);
        }
    }
}
