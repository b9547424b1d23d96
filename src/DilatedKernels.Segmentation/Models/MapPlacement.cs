namespace DilatedKernels.Segmentation.Models;

/// <summary>Where a map's cells lie on the network's input, and how much of it they see; along both axes alike.</summary>
/// <param name="First">
/// The input pixel that the map's first cell belongs to; negative where padding puts cells outside. A window of even extent has no middle, and its cell
/// belongs to the pixel just before: a cell that 2×2 poolings made of 8 pixels belongs to the first of them.
/// </param>
/// <param name="Jump">Input pixels from one cell to the next.</param>
/// <param name="Field">Input pixels that one cell depends on.</param>
internal readonly record struct MapPlacement(int First, int Jump, int Field)
{
    /// <summary>The network's input itself.</summary>
    public static MapPlacement Input => new(0, 1, 1);

    /// <summary>After windows of an extent.</summary>
    /// <exception cref="OverflowException">They see more pixels than can be counted.</exception>
    public MapPlacement Under(int extent, int stride, int padding) =>
        checked(new(First + ((((extent - 1) / 2) - padding) * Jump), Jump * stride, Field + ((extent - 1) * Jump)));

    /// <summary>After a deconvolution of kernel 2·scale, whose outputs between two cells depend on both.</summary>
    public MapPlacement Enlarged(int scale, int padding) =>
        new(First - (((scale / 2) - padding) * (Jump / scale)), Jump / scale, Field + Jump);

    /// <summary>Of several maps whose cells lie on one another.</summary>
    /// <exception cref="InvalidOperationException">They do not: the network was planned wrongly.</exception>
    public static MapPlacement Joined(ReadOnlySpan<MapPlacement> maps)
    {
        MapPlacement joined = maps[0];
        foreach (MapPlacement map in maps)
        {
            if ((map.First, map.Jump) != (joined.First, joined.Jump))
            {
                throw new InvalidOperationException($"Maps are joined whose cells lie elsewhere: {joined} and {map}.");
            }

            joined = joined with { Field = Math.Max(joined.Field, map.Field) };
        }

        return joined;
    }
}
