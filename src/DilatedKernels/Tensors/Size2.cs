namespace DilatedKernels;

/// <summary>A pair of extents along height and width. A single number stands for both.</summary>
/// <param name="Height">The extent along rows.</param>
/// <param name="Width">The extent along columns.</param>
public readonly record struct Size2(int Height, int Width)
{
    /// <summary>The same extent along both axes.</summary>
    /// <param name="both">Height and width.</param>
    public static implicit operator Size2(int both) => new(both, both);

    /// <summary>The same extent along both axes.</summary>
    /// <param name="both">Height and width.</param>
    public static Size2 FromInt32(int both) => new(both, both);

    /// <summary>Writes the pair as <c>height×width</c>.</summary>
    public override string ToString() => $"{Height}×{Width}";
}
