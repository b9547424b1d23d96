namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// The positions that the weight gradient of each tap is summed over: all, or those rows and columns at which the tap is inside the source, since the others add zeros.
/// The pieces of an axis are those of its taps in order, or one for all of them.
/// </summary>
internal static class Conv2dTapPositions
{
    // A cut axis has maps of its own, and a tap's last step is not full: less to multiply than this is not worth it.
    private const double Worth = 0.95;

    /// <summary>The cut with the fewest steps, which may be none.</summary>
    /// <param name="gather">The convolution's forward pass.</param>
    /// <param name="stepPositions">Positions of a step.</param>
    public static Conv2dRegions Choose(in Conv2dGather gather, int stepPositions)
    {
        Conv2dPieces rows = Conv2dPieces.Whole(gather.Rows);
        Conv2dPieces columns = Conv2dPieces.Whole(gather.Columns);
        Conv2dPieces cutRows = OfTaps(gather.Rows);
        Conv2dPieces cutColumns = OfTaps(gather.Columns);
        var best = new Conv2dRegions(rows, columns);
        double least = Worth * Steps(gather, best, stepPositions);
        foreach (Conv2dRegions cut in (ReadOnlySpan<Conv2dRegions>)[new(cutRows, columns), new(rows, cutColumns), new(cutRows, cutColumns)])
        {
            if (cut.Count <= Conv2dWgmmaGatherPlan.MostMaps && cut.Count > best.Count && Steps(gather, cut, stepPositions) is long steps && steps < least)
            {
                (best, least) = (cut, steps);
            }
        }

        return best;
    }

    /// <summary>Steps of all taps: what the work is proportional to.</summary>
    public static long Steps(in Conv2dGather gather, in Conv2dRegions taps, int stepPositions)
    {
        long steps = 0;
        for (int tap = 0; tap < gather.KernelTaps; tap++)
        {
            steps += Steps(gather, taps, stepPositions, tap);
        }

        return steps;
    }

    /// <summary>Steps of one tap.</summary>
    public static long Steps(in Conv2dGather gather, in Conv2dRegions taps, int stepPositions, int tap)
    {
        long positions = (long)gather.Batch * Of(taps.Rows, tap / gather.KernelColumns).Count * Of(taps.Columns, tap % gather.KernelColumns).Count;
        return (positions + stepPositions - 1) / stepPositions;
    }

    private static Conv2dPiece Of(in Conv2dPieces pieces, int tap) => pieces.All.Length > 1 ? pieces.All[tap] : pieces.All[0];

    // As a whole where a tap is inside nowhere, whose weights have to be written all the same, or where there are more taps than pieces.
    private static Conv2dPieces OfTaps(in Conv2dAxis axis)
    {
        if (axis.Taps > Conv2dPieces.Most)
        {
            return Conv2dPieces.Whole(axis);
        }

        Span<Conv2dPiece> pieces = stackalloc Conv2dPiece[axis.Taps];
        for (int tap = 0; tap < axis.Taps; tap++)
        {
            long first = axis.Shift + ((long)tap * axis.Step);
            long begin = first < 0 ? (-first + axis.Scale - 1) / axis.Scale : 0;
            long end = Math.Min(axis.Count, first < axis.Source ? ((axis.Source - 1 - first) / axis.Scale) + 1 : 0);
            if (begin >= end)
            {
                return Conv2dPieces.Whole(axis);
            }

            pieces[tap] = new Conv2dPiece((int)begin, (int)(end - begin), tap, 1);
        }

        return new Conv2dPieces(pieces);
    }
}
