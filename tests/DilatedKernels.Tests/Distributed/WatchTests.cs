using DilatedKernels.Distributed;
using DilatedKernels.Distributed.Mpi;

namespace DilatedKernels.Tests.Distributed;

public class WatchTests
{
    private static readonly Call Sum = new(CallKind.Sum, 3);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(25);

    [Test]
    public void AllIsWellWhileAllAreHeard()
    {
        Watch watch = Watching(Seconds(100), At(4), At(4), At(3));
        Assert.That(watch.Find(Seconds(114)), Is.Null);
    }

    [Test]
    public void SilenceIsAFault()
    {
        Watch watch = Watching(Seconds(100), At(4), At(4), At(3));
        watch.Hear(0, At(4), Seconds(116));
        watch.Hear(2, At(4), Seconds(116));
        Assert.That(watch.Find(Seconds(116)), Is.EqualTo((1, "gave no sign of life for 16 s: it is stopped, its machine is down, or the network is cut")));
    }

    [Test]
    public void WhoseLastMessageHasComeMayBeSilent()
    {
        Watch watch = Watching(Seconds(100), At(4), Left(4), At(4));
        watch.HearEnd(1);
        watch.Hear(0, At(4), Seconds(120));
        watch.Hear(2, At(4), Seconds(120));
        Assert.That(watch.Find(Seconds(120)), Is.Null);
    }

    [Test]
    public void WhoHasLeftWithSumsUnderWayMayNotBeSilent()
    {
        Watch watch = Watching(Seconds(100), At(4), Left(4) with { Open = 3 }, At(4));
        watch.Hear(0, At(4), Seconds(116));
        watch.Hear(2, At(4), Seconds(116));
        Assert.That(watch.Find(Seconds(116))?.Rank, Is.EqualTo(1));
    }

    // A sign of life may say so before the last message does, which must still be received.
    [Test]
    public void ItIsOverWhenTheLastMessageOfAllHasCome()
    {
        Watch watch = Watching(Seconds(100), Left(4), Left(4), Left(4));
        Assert.That(watch.AllEndedBut(0), Is.False);
        watch.HearEnd(1);
        Assert.That(watch.AllEndedBut(0), Is.False);
        watch.HearEnd(2);
        Assert.That(watch.AllEndedBut(0), Is.True);
    }

    [Test]
    public void WhoDoesNotComeIsAFaultAfterAMinute()
    {
        Assert.That(Watching(Seconds(100), Waits(4, 59), At(3), Waits(4, 59)).Find(Seconds(100)), Is.Null);
        Assert.That(
            Watching(Seconds(100), Waits(4, 59), At(3), Waits(4, 61)).Find(Seconds(100)),
            Is.EqualTo((1, "has begun 3 calls and does not come to the next, for which rank 2 has waited 61 s")));
    }

    [Test]
    public void WhereCallsLieFarApartTheWaitIsTenTimesThat()
    {
        MemberState slow = At(3) with { LongestAway = TimeSpan.FromSeconds(20) };
        Assert.That(Watching(Seconds(100), Waits(4, 199), slow, Waits(4, 199)).Find(Seconds(100)), Is.Null);
        Assert.That(Watching(Seconds(100), Waits(4, 201), slow, Waits(4, 201)).Find(Seconds(100))?.Rank, Is.EqualTo(1));
    }

    [Test]
    public void ACallThatAllHaveBegunAndThatDoesNotMoveIsAFault() =>
        Assert.That(
            Watching(Seconds(100), At(4), Waits(4, 61), Waits(4, 59)).Find(Seconds(100)),
            Is.EqualTo((1, "has moved nothing for 61 s in call 4, which all have begun")));

    [Test]
    public void WhoDoesNotLeaveIsAFaultAMinuteAfterTheFirstHasLeft()
    {
        Watch watch = Watching(Seconds(100), At(4), Left(4), At(4));
        watch.HearEnd(1);
        watch.Hear(2, Left(4), Seconds(150));
        watch.HearEnd(2);
        watch.Hear(0, At(4), Seconds(160));
        Assert.That(watch.Find(Seconds(160)), Is.Null);
        watch.Hear(0, At(4), Seconds(161));
        Assert.That(watch.Find(Seconds(161)), Is.EqualTo((0, "does not leave the group, which rank 1 left 61 s ago")));
        watch.Hear(0, Left(4), Seconds(161));
        Assert.That(watch.Find(Seconds(161)), Is.Null);
    }

    [Test]
    public void WhoWaitsForASumThatMovesNeedNotLeaveYet()
    {
        Watch watch = Watching(Seconds(100), Waits(4, 1), Left(4), Left(4));
        watch.HearEnd(1);
        watch.HearEnd(2);
        watch.Hear(0, Waits(4, 1), Seconds(170));
        Assert.That(watch.Find(Seconds(170)), Is.Null);
        watch.Hear(0, At(4), Seconds(175));
        Assert.That(watch.Find(Seconds(175)), Is.Null);
    }

    [TestCase(25, 0, false, false)]
    [TestCase(26, 0, false, true)]
    [TestCase(26, 2, false, true)]
    [TestCase(39, 4, false, false, Description = "ten times the longest so far")]
    [TestCase(41, 4, false, true)]
    [TestCase(60, 40, false, false, Description = "but no longer than others wait")]
    [TestCase(61, 40, false, true)]
    [TestCase(60, 0, true, false, Description = "as long as others wait, for what gives no sign")]
    [TestCase(61, 0, true, true)]
    public void WhoStallsIsAFaultEvenIfNobodyWaits(int seconds, int longest, bool isSuspended, bool isFault)
    {
        MemberState stalled = At(3) with { Stalled = Seconds(seconds), LongestStall = Seconds(longest), IsSuspended = isSuspended };
        Watch watch = Watching(Seconds(100), Stall, At(3), stalled, At(3));
        Assert.That(
            watch.Find(Seconds(100)),
            Is.EqualTo(isFault ? (1, $"hangs: it has begun 3 calls, waits for none, and has done nothing for {seconds} s") : ((int, string)?)null));
    }

    // A large image, say; where no signs are asked for, nobody can know.
    [TestCase(601, 0, false)]
    [TestCase(601, 26, true, Description = "it does nothing")]
    [TestCase(601, 0, true, true, Description = "it reads or writes a file")]
    [TestCase(6001, 0, true, Description = "nobody waits for ever")]
    public void WhoGoesOnIsWaitedForTenTimesAsLong(int waited, int stalled, bool isFault, bool isSuspended = false)
    {
        var watch = new Watch(2, Silence, TimeSpan.FromSeconds(600), Stall);
        watch.Hear(0, Waits(4, waited), Seconds(100));
        watch.Hear(1, At(3) with { Stalled = Seconds(stalled), IsSuspended = isSuspended }, Seconds(100));
        Assert.That(watch.Find(Seconds(100))?.Rank, Is.EqualTo(isFault ? 1 : null));
    }

    [Test]
    public void OfOneThatWaitsForItsGpuThatIsSaid() =>
        Assert.That(
            Watching(Seconds(100), Stall, At(3), At(3) with { Stalled = Seconds(26), IsWaitingForDevice = true }).Find(Seconds(100)),
            Is.EqualTo((1, "hangs: it has begun 3 calls, waits for its GPU, which has done nothing for 26 s")));

    [Test]
    public void WhoGivesNoSignsIsLeftAloneUnlessTheyAreAskedFor() =>
        Assert.That(Watching(Seconds(100), At(3), At(3) with { Stalled = Seconds(1000) }).Find(Seconds(100)), Is.Null);

    [Test]
    public void DifferentCallsAreAFault() =>
        Assert.That(
            Watching(Seconds(1), At(4), At(4), At(4) with { Call = new Call(CallKind.Broadcast, 8, 1) }).Find(Seconds(1)),
            Is.EqualTo((2, "made Broadcast of 8 bytes from rank 1 as call 4 where rank 0 made Sum of 3 values as call 4; all processes must make the same calls in the same order")));

    [Test]
    public void AControlMessageComesAsItWasSent()
    {
        var state = new MemberState(1L << 40, new Call(CallKind.OrderedSum, 1L << 33, 7), 12, TimeSpan.FromMilliseconds(1.5), TimeSpan.FromSeconds(3), true)
        {
            Stalled = TimeSpan.FromSeconds(5),
            LongestStall = TimeSpan.FromSeconds(7),
            IsSuspended = true,
            IsWaitingForDevice = true,
        };
        var message = new ControlMessage(ControlKind.Failure, 3, state, "the disk is full: é");
        byte[] bytes = new byte[ControlMessage.Bytes];
        message.Write(bytes);
        Assert.That(ControlMessage.Read(bytes), Is.EqualTo(message));

        // A reason that is too long is cut.
        (message with { Text = new string('x', 5000) }).Write(bytes);
        Assert.That(ControlMessage.Read(bytes).Text, Does.Match("^x{800,1000}$"));
    }

    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    private static MemberState At(long begun) => new(begun, Sum, -1, TimeSpan.Zero, TimeSpan.Zero, false);

    private static MemberState Left(long begun) => At(begun) with { HasLeft = true };

    private static MemberState Waits(long begun, int seconds) => At(begun) with { Open = begun - 1, Waiting = Seconds(seconds) };

    private static Watch Watching(TimeSpan now, params MemberState[] states) => Watching(now, null, states);

    private static Watch Watching(TimeSpan now, TimeSpan? stall, params MemberState[] states)
    {
        var watch = new Watch(states.Length, Silence, Patience, stall);
        for (int rank = 0; rank < states.Length; rank++)
        {
            watch.Hear(rank, states[rank], now);
        }

        return watch;
    }
}
