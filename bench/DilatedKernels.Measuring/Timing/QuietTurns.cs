namespace DilatedKernels.Measuring;

/// <summary>When a side of a comparison may be measured: while nothing else slows the cores down.</summary>
/// <param name="probe">Measures how slow the cores are, in any unit.</param>
/// <param name="sleep">Lets time pass.</param>
/// <param name="repeats">How often a turn may be taken again.</param>
internal sealed class QuietTurns(Func<double> probe, Action<TimeSpan> sleep, int repeats)
{
    // So much slower than ever the cores may be.
    private const double Tolerance = 1.15;

    private const int FirstLooks = 100;
    private const int LooksBefore = 200;

    // What was measured may let its threads spin for some time, until they sleep.
    private const int LooksAfter = 20;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(5);

    private double _best = double.PositiveInfinity;

    /// <summary>The turns that were taken, without those that were taken again.</summary>
    public int Taken { get; private set; }

    /// <summary>How many of them were disturbed all the same.</summary>
    public int Disturbed { get; private set; }

    /// <summary>Of these cores.</summary>
    public static QuietTurns OnCores(int threads, int repeats) => new(new CoreProbe(threads).Measure, Thread.Sleep, repeats);

    /// <summary>Measures, and once more as long as the cores were slow before or after it, but for as often as may be.</summary>
    /// <param name="measure">Gives the times, or why there are none, which is asked for once.</param>
    public PeerReply Take(Func<PeerReply> measure)
    {
        if (Taken++ == 0)
        {
            _ = IsQuietWithin(FirstLooks, ofAll: true);
        }

        for (int left = repeats; ; left--)
        {
            bool isQuiet = IsQuietWithin(LooksBefore);
            PeerReply reply = measure();
            isQuiet = IsQuietWithin(LooksAfter) && isQuiet;
            if (isQuiet || reply.Results is null)
            {
                return reply;
            }

            if (left == 0)
            {
                Disturbed++;
                return reply;
            }
        }
    }

    private bool IsQuietWithin(int looks, bool ofAll = false)
    {
        bool isQuiet = false;
        for (int i = 0; i < looks && (ofAll || !isQuiet); i++)
        {
            if (i > 0)
            {
                sleep(BetweenLooks);
            }

            double now = probe();
            _best = Math.Min(_best, now);
            isQuiet = now <= Tolerance * _best;
        }

        return isQuiet;
    }
}

/// <summary>A peer that is measured in quiet turns.</summary>
internal sealed class QuietPeer(IPeer peer, QuietTurns turns) : IPeer
{
    /// <inheritdoc/>
    public PeerGreeting Greeting => peer.Greeting;

    /// <inheritdoc/>
    public PeerReply Measure(PeerRequest request) => turns.Take(() => peer.Measure(request));

    /// <inheritdoc/>
    public void Dispose() => peer.Dispose();
}
