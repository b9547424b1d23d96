namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// What a tensor map has of an axis: elements from <paramref name="Origin"/> on, and the positions and taps that read them. The map of a piece has what the piece reads and
/// no more, however large the axis, so that its positions read from its first element on.
/// </summary>
/// <param name="Origin">The first element of the axis's source.</param>
/// <param name="Axis">The axis as seen from there.</param>
internal readonly record struct Conv2dWindow(int Origin, Conv2dAxis Axis)
{
    /// <summary>The window of the piece, or the whole axis where it is not cut.</summary>
    /// <param name="axis">An axis with steps that are not negative.</param>
    /// <param name="pieces">What it is cut into.</param>
    /// <param name="piece">One of them; its taps read inside the source alone.</param>
    public static Conv2dWindow Of(in Conv2dAxis axis, in Conv2dPieces pieces, int piece) => pieces.All.Length > 1 ? Of(axis, pieces.All[piece]) : new(0, axis);

    /// <summary>The window of the piece.</summary>
    public static Conv2dWindow Of(in Conv2dAxis axis, in Conv2dPiece piece) => new(
        axis.Shift + (piece.Begin * axis.Scale) + (piece.FirstTap * axis.Step),
        axis with { Source = ((piece.Count - 1) * axis.Scale) + ((piece.Taps - 1) * axis.Step) + 1, Count = piece.Count, Shift = 0, Taps = piece.Taps });

    /// <summary>The window of the result at the piece's positions.</summary>
    public static Conv2dWindow OfResult(in Conv2dAxis axis, in Conv2dPieces pieces, int piece)
    {
        var result = new Conv2dAxis(axis.Result, axis.Result, axis.Result, 1, 0, 1, 0, 0, 1, 0, 1);
        return pieces.All.Length > 1 ? Of(result, pieces.All[piece] with { FirstTap = 0, Taps = 1 }) : new(0, result);
    }
}
