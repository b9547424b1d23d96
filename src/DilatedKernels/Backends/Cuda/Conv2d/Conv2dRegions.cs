using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>Neighbouring positions along an axis and the taps that they are computed with; laid out as <c>ConvPiece</c> in kernels/conv2d/geometry.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Conv2dPiece(int Begin, int Count, int FirstTap, int Taps);

/// <summary>An axis cut into pieces, those with the most taps first; laid out as <c>ConvPieces</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Conv2dPieces
{
    /// <summary>The most pieces: those of seven taps whose padding keeps the size of a map that is larger than the kernel.</summary>
    public const int Most = 7;

    private int _count;
    private Storage _pieces;

    public Conv2dPieces(ReadOnlySpan<Conv2dPiece> pieces)
    {
        _count = pieces.Length;
        pieces.CopyTo(_pieces);
    }

    [UnscopedRef]
    public readonly ReadOnlySpan<Conv2dPiece> All => ((ReadOnlySpan<Conv2dPiece>)_pieces)[.._count];

    /// <summary>All positions with all taps.</summary>
    public static Conv2dPieces Whole(in Conv2dAxis axis) => new([new Conv2dPiece(0, axis.Count, 0, axis.Taps)]);

    /// <summary>Positions by which of their taps are inside the source; as a whole where that is more pieces than there may be.</summary>
    /// <example><code>
    ///   12 positions, taps at −4, 0 and 4      0 0 0 0 1 1 1 1 2 2 2 2
    ///     taps inside                          1 and 2 │ 0 to 2 │ 0 and 1
    /// </code></example>
    public static Conv2dPieces ByTaps(in Conv2dAxis axis)
    {
        var pieces = new List<Conv2dPiece>();
        for (int q = 0; q < axis.Count; q++)
        {
            (int first, int taps) = Inside(axis, q);
            if (pieces.Count > 0 && (pieces[^1].FirstTap, pieces[^1].Taps) == (first, taps))
            {
                pieces[^1] = pieces[^1] with { Count = pieces[^1].Count + 1 };
            }
            else if (pieces.Count == Most)
            {
                return Whole(axis);
            }
            else
            {
                pieces.Add(new Conv2dPiece(q, 1, first, taps));
            }
        }

        return pieces.Count == 0 ? Whole(axis) : new([.. pieces.OrderByDescending(piece => piece.Taps)]);
    }

    // The taps are in a line, so those inside follow one another.
    private static (int First, int Taps) Inside(in Conv2dAxis axis, int q)
    {
        int first = 0;
        int taps = 0;
        for (int j = 0; j < axis.Taps; j++)
        {
            long source = ((long)q * axis.Scale) + axis.Shift + ((long)j * axis.Step);
            if (source >= 0 && source < axis.Source)
            {
                first = taps == 0 ? j : first;
                taps++;
            }
        }

        return (first, taps);
    }

    [InlineArray(Most)]
    private struct Storage
    {
        private Conv2dPiece _piece;
    }
}

/// <summary>
/// The positions of a pass as rectangles, each computed with the taps of its own: a tap that falls into the padding everywhere in a rectangle is left out there. A block's
/// positions are of one rectangle, of all images. Laid out as <c>ConvRegions</c> in kernels/conv2d/geometry.cuh.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct Conv2dRegions(Conv2dPieces Rows, Conv2dPieces Columns)
{
    // A rectangle's last tile is not full, and every tile has a beginning and an end: less to multiply than this is not worth it.
    private const double Worth = 0.95;

    /// <summary>The rectangles with the least work, which may be the whole.</summary>
    /// <param name="gather">The pass.</param>
    /// <param name="tileRows">Positions of a block.</param>
    public static Conv2dRegions Choose(in Conv2dGather gather, int tileRows) =>
        Choose(gather, tileRows, Conv2dPieces.ByTaps(gather.Rows), Conv2dPieces.ByTaps(gather.Columns), Conv2dPieces.Most * Conv2dPieces.Most);

    /// <summary>The same of pieces that the caller can run.</summary>
    /// <param name="gather">The pass.</param>
    /// <param name="tileRows">Positions of a block.</param>
    /// <param name="cutRows">The rows, cut or not.</param>
    /// <param name="cutColumns">The columns, cut or not.</param>
    /// <param name="most">The most rectangles.</param>
    public static Conv2dRegions Choose(in Conv2dGather gather, int tileRows, in Conv2dPieces cutRows, in Conv2dPieces cutColumns, int most)
    {
        Conv2dPieces rows = Conv2dPieces.Whole(gather.Rows);
        Conv2dPieces columns = Conv2dPieces.Whole(gather.Columns);
        var best = new Conv2dRegions(rows, columns);
        double least = Worth * best.TileTaps(gather.Batch, tileRows);
        foreach (Conv2dRegions cut in (ReadOnlySpan<Conv2dRegions>)[new(cutRows, columns), new(rows, cutColumns), new(cutRows, cutColumns)])
        {
            if (cut.Count <= most && cut.TileTaps(gather.Batch, tileRows) is long left && left <= least && cut.Count > best.Count)
            {
                (best, least) = (cut, left);
            }
        }

        return best;
    }

    /// <summary>Rectangles.</summary>
    public int Count => Rows.All.Length * Columns.All.Length;

    /// <summary>Blocks along the positions.</summary>
    public long Tiles(int batch, int tileRows) => Sum(batch, tileRows).Tiles;

    /// <summary>Taps of all tiles: what the reduction's work is proportional to.</summary>
    public long TileTaps(int batch, int tileRows) => Sum(batch, tileRows).Taps;

    private (long Tiles, long Taps) Sum(int batch, int tileRows)
    {
        (long Tiles, long Taps) sum = default;
        foreach (Conv2dPiece row in Rows.All)
        {
            foreach (Conv2dPiece column in Columns.All)
            {
                long tiles = (((long)batch * row.Count * column.Count) + tileRows - 1) / tileRows;
                sum = (sum.Tiles + tiles, sum.Taps + (tiles * row.Taps * column.Taps));
            }
        }

        return sum;
    }
}
