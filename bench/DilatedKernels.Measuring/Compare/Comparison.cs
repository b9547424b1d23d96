using System.Diagnostics;
using System.Text.Json.Serialization;

namespace DilatedKernels.Measuring;

/// <summary>One pass of one shape at one thread count, as all sides measured it, round after round.</summary>
/// <param name="Shape">Which shape.</param>
/// <param name="Pass">Which pass.</param>
/// <param name="Type">The element type of activations.</param>
/// <param name="Threads">Of the processor.</param>
/// <param name="Sides">The library first.</param>
public sealed record Comparison(BenchShape Shape, string Pass, string Type, int Threads, IReadOnlyList<ComparedSide> Sides)
{
    /// <summary>The most rounds for one that was asked for.</summary>
    public const int MostRoundsMore = 10;

    /// <summary>Runs all sides in turn, as often as there are rounds, so that a machine that slows down slows all of them.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="pass">One of its passes.</param>
    /// <param name="type">One of its types.</param>
    /// <param name="peers">The library first.</param>
    /// <param name="rounds">1 or more.</param>
    /// <param name="seconds">For one side in one round.</param>
    /// <param name="leastSeconds">Rounds go on, up to <see cref="MostRoundsMore"/> times as many, until so much time has passed since the first began.</param>
    /// <param name="cancellation">Checked between measurements.</param>
    public static Comparison Run(
        BenchShape shape, string pass, string type, IReadOnlyList<IPeer> peers, int rounds, double seconds, double leastSeconds = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(peers);
        var request = new PeerRequest(shape.Name, pass, type, seconds);
        var samples = new Dictionary<(string Engine, string Variant), List<IReadOnlyList<double>>>();
        var silent = new Dictionary<string, (string Reason, bool IsError)>();
        var clock = Stopwatch.StartNew();
        for (int round = 0; round < rounds || (round < MostRoundsMore * rounds && clock.Elapsed.TotalSeconds < leastSeconds); round++)
        {
            foreach (IPeer peer in peers.Where(peer => !silent.ContainsKey(peer.Greeting.Engine)))
            {
                cancellation.ThrowIfCancellationRequested();
                PeerReply reply = peer.Measure(request);
                foreach (PeerResult result in reply.Results ?? [])
                {
                    (string, string) key = (peer.Greeting.Engine, result.Variant);
                    if (!samples.TryGetValue(key, out List<IReadOnlyList<double>>? list))
                    {
                        samples.Add(key, list = []);
                    }

                    list.Add(result.SamplesMs);
                }

                if ((reply.Error ?? reply.Skip) is { } reason)
                {
                    silent[peer.Greeting.Engine] = (reason, reply.Error is not null);
                }
            }

            if (silent.ContainsKey(peers[0].Greeting.Engine))
            {
                break;
            }
        }

        ComparedSide[] sides =
        [
            .. peers.SelectMany(peer => samples.Where(s => s.Key.Engine == peer.Greeting.Engine).Select(s => new ComparedSide(s.Key.Engine, s.Key.Variant, s.Value))),
            .. silent.Select(s => new ComparedSide(s.Key, "", [], s.Value.Reason, s.Value.IsError)),
        ];
        return new Comparison(shape, pass, type, peers[0].Greeting.Threads, sides);
    }

    /// <summary>The row of the summary, or null when the library or every peer has no time to compare.</summary>
    /// <param name="library">The library's engine name.</param>
    /// <param name="commit">What was measured.</param>
    /// <param name="date">When.</param>
    public SummaryRow? Summarize(string library, string commit, string date)
    {
        ComparedSide? ours = Sides.FirstOrDefault(side => side.Engine == library && side.Rounds.Count > 0);
        ComparedSide? fastest = Sides.Where(side => side.Engine != library && side.Rounds.Count > 0).MinBy(side => side.Median);
        if (ours is null || fastest is null)
        {
            return null;
        }

        Statistics ratios = Statistics.Of(ours.RoundMedians.Zip(fastest.RoundMedians, (our, their) => their / our));
        return new SummaryRow(
            Shape.Name, Pass, Type, Threads, ours.Median, fastest.Name, fastest.Median, fastest.Median / ours.Median, ratios.Min, ratios.Max, Shape.Bar(Pass, Type), commit, date);
    }
}

/// <summary>What one side measured.</summary>
/// <param name="Engine">Who.</param>
/// <param name="Variant">How; empty when there is one way.</param>
/// <param name="Rounds">The samples of each round.</param>
/// <param name="Reason">Why there are none.</param>
/// <param name="IsError">Whether that is a fault.</param>
public sealed record ComparedSide(
    string Engine, string Variant, [property: JsonConverter(typeof(RoundsConverter))] IReadOnlyList<IReadOnlyList<double>> Rounds, string? Reason = null, bool IsError = false)
{
    /// <summary>Engine and variant.</summary>
    [JsonIgnore]
    public string Name => Variant.Length > 0 ? $"{Engine} {Variant}" : Engine;

    /// <summary>One median a round.</summary>
    [JsonIgnore]
    public IEnumerable<double> RoundMedians => Rounds.Select(round => Statistics.Of(round).Median);

    /// <summary>The median of the rounds' medians.</summary>
    [JsonIgnore]
    public double Median => Statistics.Of(RoundMedians).Median;
}

/// <summary>One row of summary.json: times are medians of one interleaved run, and <c>ratio = peer_ms / ours_ms</c>.</summary>
/// <param name="Name">Of the shape.</param>
/// <param name="Pass">Which pass.</param>
/// <param name="Type">The element type of activations.</param>
/// <param name="Threads">Of the processor.</param>
/// <param name="OursMs">The library's time.</param>
/// <param name="Peer">The fastest of the others.</param>
/// <param name="PeerMs">Its time.</param>
/// <param name="Ratio">Above 1 the library is faster.</param>
/// <param name="RatioMin">The least of the rounds' ratios.</param>
/// <param name="RatioMax">The greatest of them.</param>
/// <param name="Bar">What the ratio should be, or null.</param>
/// <param name="Commit">What was measured.</param>
/// <param name="Date">When.</param>
public sealed record SummaryRow(
    string Name, string Pass, string Type, int Threads, double OursMs, string Peer, double PeerMs, double Ratio, double RatioMin, double RatioMax,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double? Bar, string Commit, string Date);
