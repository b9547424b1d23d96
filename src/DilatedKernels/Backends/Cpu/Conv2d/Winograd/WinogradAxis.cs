namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

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
    public WinogradAxis(int outExtent, int inExtent, int dilation, long pad)
    {
        OutExtent = outExtent;
        InExtent = inExtent;
        Dilation = dilation;
        Pad = pad;
        var tiles = new List<int>();
        for (int phase = 0; phase < Math.Min(dilation, outExtent); phase++)
        {
            for (long o = phase; o < outExtent; o += 2L * dilation)
            {
                tiles.Add((int)o);
            }
        }

        Tiles = [.. tiles];
    }

    public int OutExtent { get; }

    public int InExtent { get; }

    public int Dilation { get; }

    public long Pad { get; }

    /// <summary>The first output of each tile; the second is a dilation further, and may lie past the end.</summary>
    public int[] Tiles { get; }

    /// <summary>Pairs of output and tap that meet inside the input: what a direct convolution computes.</summary>
    public long TapsInside
    {
        get
        {
            long sum = 0;
            for (int tap = 0; tap < 3; tap++)
            {
                long offset = ((long)tap * Dilation) - Pad;
                sum += Math.Max(0, Math.Min(OutExtent, InExtent - offset) - Math.Max(0, -offset));
            }

            return sum;
        }
    }

    /// <summary>The input that a tile reads at one of its four places.</summary>
    public long Input(int tile, int place) => Tiles[tile] - Pad + ((long)place * Dilation);

    /// <summary>Whether all four inputs of a tile exist.</summary>
    public bool IsInside(int tile) => Input(tile, 0) >= 0 && Input(tile, 3) < InExtent;

    /// <summary>Whether both outputs of a tile exist.</summary>
    public bool IsWhole(int tile) => (long)Tiles[tile] + Dilation < OutExtent;
}
