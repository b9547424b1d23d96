namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// What the tiles of a gathering convolution (forward, or the input's gradient) read. The reduction runs over terms
/// <c>(tap, input channel)</c> and is cut into chunks whose packed weights stay in the second-level cache; every pair of
/// axis segments is a region with one list of runs per chunk, so no tile ever meets the padding.
/// </summary>
internal sealed class GatherPlan
{
    // Times 64 output channels: 160 KB of packed weights.
    private const int TermsPerChunk = 640;

    private readonly int[] _runBegin;
    private readonly (int First, int Last)[] _chunks;

    /// <param name="y">The vertical axis.</param>
    /// <param name="x">The horizontal axis.</param>
    /// <param name="channels">Input channels.</param>
    /// <param name="inWidth">Width of the input in pixels.</param>
    /// <param name="kernel">Height and width of the kernel.</param>
    public GatherPlan(GatherAxis y, GatherAxis x, int channels, int inWidth, Size2 kernel)
    {
        Y = y;
        X = x;
        int taps = kernel.Height * kernel.Width;
        int[] borders = ChunkBorders(taps, channels);
        ChunkCount = borders.Length - 1;
        MostTermsOfChunk = borders.Zip(borders.Skip(1), (begin, end) => end - begin).DefaultIfEmpty(0).Max();
        ChannelsPerChunk = Math.Min(channels, TermsPerChunk);
        _runBegin = new int[(y.Segments.Length * x.Segments.Length * ChunkCount) + 1];
        _chunks = new (int, int)[y.Segments.Length * x.Segments.Length];
        var runs = new List<TileRun>();
        var row = new List<(int Term, nint A)>();
        int region = 0;
        foreach (AxisSegment ySegment in y.Segments)
        {
            foreach (AxisSegment xSegment in x.Segments)
            {
                row.Clear();
                foreach (int ty in ySegment.Taps)
                {
                    foreach (int tx in xSegment.Taps)
                    {
                        int term = ((y.Taps[ty] * kernel.Width) + x.Taps[tx]) * channels;
                        row.Add((term, (nint)((y.Offset(ty) * inWidth) + x.Offset(tx)) * channels * sizeof(float)));
                    }
                }

                AddRegion(region++, row, channels, borders, runs);
            }
        }

        Runs = [.. runs];
    }

    public GatherAxis Y { get; }

    public GatherAxis X { get; }

    public int ChunkCount { get; }

    /// <summary>Terms of the longest chunk.</summary>
    public int MostTermsOfChunk { get; }

    /// <summary>Input channels that a chunk reads of a pixel, at most.</summary>
    public int ChannelsPerChunk { get; }

    /// <summary>The runs of all regions; offsets into A count from the input pixel at <c>j·InStep</c>.</summary>
    public TileRun[] Runs { get; }

    /// <summary>The first and the last chunk that a region reads; the first of all when it reads none.</summary>
    public (int First, int Last) Chunks(int ySegment, int xSegment) => _chunks[(ySegment * X.Segments.Length) + xSegment];

    public (int Begin, int Count) RunsOf(int ySegment, int xSegment, int chunk)
    {
        int i = (((ySegment * X.Segments.Length) + xSegment) * ChunkCount) + chunk;
        return (_runBegin[i], _runBegin[i + 1] - _runBegin[i]);
    }

    private static int[] ChunkBorders(int taps, int channels)
    {
        if (channels <= TermsPerChunk)
        {
            int chunks = Split.Parts(taps, TermsPerChunk / Math.Max(1, channels));
            return [.. Enumerable.Range(0, chunks + 1).Select(i => Split.Begin(taps, chunks, i) * channels)];
        }

        int parts = Split.Parts(channels, TermsPerChunk);
        return [.. Enumerable.Range(0, (taps * parts) + 1).Select(i => (i / parts * channels) + Split.Begin(channels, parts, i % parts))];
    }

    private void AddRegion(int region, List<(int Term, nint A)> taps, int channels, int[] borders, List<TileRun> runs)
    {
        int first = -1;
        int last = -1;
        for (int chunk = 0; chunk < ChunkCount; chunk++)
        {
            int start = runs.Count;
            foreach ((int term, nint a) in taps)
            {
                int begin = Math.Max(term, borders[chunk]);
                int end = Math.Min(term + channels, borders[chunk + 1]);
                if (begin >= end)
                {
                    continue;
                }

                var run = new TileRun(a + ((begin - term) * sizeof(float)), begin, end - begin);
                // Neighbouring taps of an undilated row are one stretch of memory.
                if (runs.Count > start && runs[^1] is var previous && previous.Step + previous.Length == run.Step
                    && previous.A + (previous.Length * sizeof(float)) == run.A)
                {
                    runs[^1] = previous with { Length = previous.Length + run.Length };
                }
                else
                {
                    runs.Add(run);
                }
            }

            if (runs.Count > start)
            {
                first = first < 0 ? chunk : first;
                last = chunk;
            }

            _runBegin[(region * ChunkCount) + chunk + 1] = runs.Count;
        }

        _chunks[region] = (Math.Max(first, 0), Math.Max(last, 0));
    }
}
