using DilatedKernels.Measuring;

namespace DilatedKernels.Tests.Bench;

/// <summary>Turns that are taken again while something else slows the cores down.</summary>
internal sealed class QuietTurnsTests
{
    private static readonly PeerReply Times = new([new PeerResult("", [1])]);

    [Test]
    public void IsTakenOnceWhileNothingDisturbs()
    {
        var cores = new FakeCores();
        QuietTurns turns = cores.Turns(repeats: 3);
        Assert.That(cores.Take(turns), Is.EqualTo(1));
        Assert.That((turns.Taken, turns.Disturbed), Is.EqualTo((1, 0)));
    }

    [Test]
    public void IsTakenAgainUntilNothingDisturbs()
    {
        var cores = new FakeCores { DisturbedTurns = 2 };
        QuietTurns turns = cores.Turns(repeats: 3);
        Assert.That(cores.Take(turns), Is.EqualTo(3));
        Assert.That((turns.Taken, turns.Disturbed), Is.EqualTo((1, 0)));
    }

    [Test]
    public void WaitsForADisturbanceToPass()
    {
        var cores = new FakeCores();
        QuietTurns turns = cores.Turns(repeats: 3);
        _ = cores.Take(turns);
        cores.SlowUntil = cores.Now + TimeSpan.FromSeconds(0.5);
        Assert.That(cores.Take(turns), Is.EqualTo(1));
        Assert.That(cores.Now, Is.GreaterThanOrEqualTo(cores.SlowUntil));
    }

    [Test]
    public void IsCountedWhereADisturbanceDoesNotPass()
    {
        var cores = new FakeCores { DisturbedTurns = int.MaxValue };
        QuietTurns turns = cores.Turns(repeats: 3);
        Assert.That(cores.Take(turns), Is.EqualTo(4));
        Assert.That((turns.Taken, turns.Disturbed), Is.EqualTo((1, 1)));
    }

    [Test]
    public void WhoCannotBeMeasuredIsAskedOnce()
    {
        var cores = new FakeCores { DisturbedTurns = int.MaxValue, Reply = new PeerReply(Skip: "no such thing") };
        Assert.That(cores.Take(cores.Turns(repeats: 3)), Is.EqualTo(1));
    }

    [Test]
    public void CoresAreMeasured([Values(1, 2)] int threads) => Assert.That(new CoreProbe(threads).Measure(), Is.Positive.And.LessThan(1e6));

    /// <summary>Cores that are slow for some time, or while and after some turns.</summary>
    private sealed class FakeCores
    {
        private int _turns;

        public TimeSpan Now { get; private set; }

        public TimeSpan SlowUntil { get; set; }

        public int DisturbedTurns { get; init; }

        public PeerReply Reply { get; init; } = Times;

        public QuietTurns Turns(int repeats) => new(() => Now < SlowUntil ? 2 : 1, time => Now += time, repeats);

        /// <summary>How often a turn was taken.</summary>
        public int Take(QuietTurns turns)
        {
            _turns = 0;
            Assert.That(
                turns.Take(() =>
                {
                    SlowUntil = _turns++ < DisturbedTurns ? Now + TimeSpan.FromSeconds(0.3) : SlowUntil;
                    return Reply;
                }),
                Is.SameAs(Reply));
            return _turns;
        }
    }
}
