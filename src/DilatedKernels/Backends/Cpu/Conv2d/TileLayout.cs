namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>Which values of a tile's first operand are neighbours in memory.</summary>
internal interface ITileLayout
{
    /// <summary>Whether those are of one step and different rows; else of one row and different steps.</summary>
    static abstract bool IsTransposed { get; }
}

/// <summary>A row's values are neighbours: channels of a pixel that are summed.</summary>
internal readonly struct ByRows : ITileLayout
{
    public static bool IsTransposed => false;
}

/// <summary>A step's values are neighbours: channels of a pixel of which each has sums of its own.</summary>
internal readonly struct Transposed : ITileLayout
{
    public static bool IsTransposed => true;
}
