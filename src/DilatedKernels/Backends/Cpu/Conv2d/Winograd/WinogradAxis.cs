namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>Tiles of an axis that follow each other at a fixed distance and find the same of their inputs and outputs in the map.</summary>
/// <param name="Begin">The first tile.</param>
/// <param name="End">One past the last.</param>
/// <param name="Step">Outputs from one tile to the next, 1 or more; 0 in a run of one.</param>
/// <param name="Inside">Bit i is set when input i of the four lies in the map.</param>
/// <param name="Outputs">Outputs in the map: 1 or 2, or 0 in tiles beyond the last output.</param>
internal readonly record struct WinogradRun(int Begin, int End, int Step, int Inside, int Outputs);

/// <summary>
/// One axis of a stride-1, three-tap convolution cut into tiles of two outputs. At dilation d the outputs of equal remainder modulo d
/// form an undilated convolution of their own; a tile is two neighbours in it and reads four inputs:
/// <code>
///   d = 2, tile at output 1:     outputs    ·  ●  ·  ●  ·
///                                inputs     ·  ○  ·  ○  ·  ○  ·  ○      (before padding is taken off)
/// </code>
/// </summary>
internal sealed class WinogradAxis
{
    /// <param name="outExtent">Outputs, 1 or more.</param>
    /// <param name="inExtent">Inputs.</param>
    /// <param name="dilation">Distance of the taps.</param>
    /// <param name="pad">Output o reads inputs o − pad, o − pad + dilation and o − pad + 2·dilation. May be negative.</param>
    /// <param name="interleaved">All sub-grids' first tiles, then their second; or sub-grid by sub-grid. Left out: whichever makes longer runs.</param>
    /// <param name="beyond">Tiles to add at the end of every sub-grid, all of which are then equally long where they are interleaved.</param>
    public WinogradAxis(int outExtent, int inExtent, int dilation, long pad, bool? interleaved = null, int beyond = 0)
    {
        OutExtent = outExtent;
        InExtent = inExtent;
        Dilation = dilation;
        Pad = pad;
        Tiles = interleaved ?? 2L * dilation * dilation > outExtent ? Interleave(beyond) : Concatenate(beyond);
        Runs = FindRuns();
        RunOfTile = new int[Tiles.Length];
        for (int run = 0; run < Runs.Length; run++)
        {
            RunOfTile.AsSpan(Runs[run].Begin, Runs[run].End - Runs[run].Begin).Fill(run);
        }
    }

    public int OutExtent { get; }

    public int InExtent { get; }

    public int Dilation { get; }

    public long Pad { get; }

    /// <summary>The first output of each tile; the second is a dilation further, and may lie past the end.</summary>
    public int[] Tiles { get; }

    /// <summary>The tiles in order, in runs.</summary>
    public WinogradRun[] Runs { get; }

    /// <summary>The number of each tile's run.</summary>
    public int[] RunOfTile { get; }

    /// <summary>Pairs of an output and one of so many taps that meet inside the input: what a direct convolution computes.</summary>
    public long TapsInside(int taps)
    {
        long sum = 0;
        for (int tap = 0; tap < taps; tap++)
        {
            long offset = ((long)tap * Dilation) - Pad;
            sum += Math.Max(0, Math.Min(OutExtent, InExtent - offset) - Math.Max(0, -offset));
        }

        return sum;
    }

    /// <summary>The input that a tile reads at one of its four places.</summary>
    public long Input(int tile, int place) => Tiles[tile] - Pad + ((long)place * Dilation);

    private int Subgrids => Math.Min(Dilation, OutExtent);

    private int[] Interleave(int beyond)
    {
        long pair = 2L * Dilation;
        long steps = ((OutExtent + pair - 1) / pair) + beyond;
        var tiles = new List<int>();
        for (long step = 0; step < steps; step++)
        {
            long first = step * pair;
            long end = beyond > 0 ? first + Subgrids : Math.Min(OutExtent, first + Subgrids);
            for (long o = first; o < end; o++)
            {
                tiles.Add(checked((int)o));
            }
        }

        return [.. tiles];
    }

    private int[] Concatenate(int beyond)
    {
        long pair = 2L * Dilation;
        var tiles = new List<int>();
        for (int phase = 0; phase < Subgrids; phase++)
        {
            for (long o = phase; o < OutExtent + (beyond * pair); o += pair)
            {
                tiles.Add(checked((int)o));
            }
        }

        return [.. tiles];
    }

    private WinogradRun[] FindRuns()
    {
        var runs = new List<WinogradRun>();
        for (int tile = 0; tile < Tiles.Length; tile++)
        {
            int inside = 0;
            for (int place = 0; place < 4; place++)
            {
                inside |= Input(tile, place) is >= 0 and var i && i < InExtent ? 1 << place : 0;
            }

            int outputs = (long)Tiles[tile] + Dilation < OutExtent ? 2 : Tiles[tile] < OutExtent ? 1 : 0;
            int step = tile == 0 ? 0 : Tiles[tile] - Tiles[tile - 1];
            // Never backwards, from a sub-grid's last tile to the next one's first: the zeros around the map lie after their pointer only.
            if (runs.Count > 0 && runs[^1] is var last && last.Inside == inside && last.Outputs == outputs
                && (last.Step == step || (last.End - last.Begin == 1 && step > 0)))
            {
                runs[^1] = last with { End = tile + 1, Step = step };
            }
            else
            {
                runs.Add(new WinogradRun(tile, tile + 1, 0, inside, outputs));
            }
        }

        return [.. runs];
    }
}
