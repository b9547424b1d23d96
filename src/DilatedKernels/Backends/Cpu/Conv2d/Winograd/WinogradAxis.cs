namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>Tiles of an axis that follow each other at a fixed distance and find the same of their inputs and outputs in the map.</summary>
/// <param name="Begin">The first tile.</param>
/// <param name="End">One past the last.</param>
/// <param name="Step">Outputs from one tile to the next, 1 or more; 0 in a run of one.</param>
/// <param name="Inside">Bit i is set when input i of the tile lies in the map.</param>
/// <param name="Outputs">Outputs in the map: 1 or more, or 0 in tiles beyond the last output.</param>
internal readonly record struct WinogradRun(int Begin, int End, int Step, int Inside, int Outputs);

/// <summary>
/// One axis of a stride-1, three-tap convolution cut into tiles of two or four outputs. At dilation d the outputs of equal remainder
/// modulo d form an undilated convolution of their own; a tile is some neighbours in it, and reads two inputs more than it has outputs:
/// <code>
///   d = 2, two at output 1:      outputs    ·  ●  ·  ●  ·
///                                inputs     ·  ○  ·  ○  ·  ○  ·  ○      (before padding is taken off)
/// </code>
/// </summary>
internal sealed class WinogradAxis
{
    /// <param name="outExtent">Outputs, 1 or more.</param>
    /// <param name="inExtent">Inputs.</param>
    /// <param name="dilation">Distance of the taps.</param>
    /// <param name="pad">Output o reads inputs o − pad, o − pad + dilation and o − pad + 2·dilation. May be negative.</param>
    /// <param name="tile">The tiles.</param>
    /// <param name="interleaved">All sub-grids' first tiles, then their second; or sub-grid by sub-grid. Left out: whichever makes longer runs.</param>
    /// <param name="beyond">Tiles to add at the end of every sub-grid, all of which are then equally long where they are interleaved.</param>
    public WinogradAxis(int outExtent, int inExtent, int dilation, long pad, WinogradTile tile, bool? interleaved = null, int beyond = 0)
    {
        OutExtent = outExtent;
        InExtent = inExtent;
        Dilation = dilation;
        Pad = pad;
        Tile = tile;
        Tiles = interleaved ?? (long)tile.Outputs * dilation * dilation > outExtent ? Interleave(beyond) : Concatenate(beyond);
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

    public WinogradTile Tile { get; }

    /// <summary>The first output of each tile; the others follow at the distance of the dilation, and may lie past the end.</summary>
    public int[] Tiles { get; }

    /// <summary>The tiles in order, in runs.</summary>
    public WinogradRun[] Runs { get; }

    /// <summary>The number of each tile's run.</summary>
    public int[] RunOfTile { get; }

    /// <summary>The input that a tile reads at one of its places.</summary>
    public long Input(int tile, int place) => Tiles[tile] - Pad + ((long)place * Dilation);

    private int Subgrids => Math.Min(Dilation, OutExtent);

    private int[] Interleave(int beyond)
    {
        long span = (long)Tile.Outputs * Dilation;
        long steps = ((OutExtent + span - 1) / span) + beyond;
        var tiles = new List<int>();
        for (long step = 0; step < steps; step++)
        {
            long first = step * span;
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
        long span = (long)Tile.Outputs * Dilation;
        var tiles = new List<int>();
        for (int phase = 0; phase < Subgrids; phase++)
        {
            for (long o = phase; o < OutExtent + (beyond * span); o += span)
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
            for (int place = 0; place < Tile.Inputs; place++)
            {
                inside |= Input(tile, place) is >= 0 and var i && i < InExtent ? 1 << place : 0;
            }

            int outputs = (int)Math.Clamp(((long)OutExtent - Tiles[tile] + Dilation - 1) / Dilation, 0, Tile.Outputs);
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
