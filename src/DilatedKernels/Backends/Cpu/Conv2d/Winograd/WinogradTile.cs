namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>The tiles of F(m×m, 3×3): m by m outputs, made of m + 2 by m + 2 inputs through as many products.</summary>
/// <param name="Outputs">m, 2 or 4.</param>
internal readonly record struct WinogradTile(int Outputs)
{
    public const int MostInputs = 6;

    /// <summary>Products of a tile of the most inputs.</summary>
    public const int MostValues = MostInputs * MostInputs;

    public static WinogradTile Two { get; } = new(2);

    public static WinogradTile Four { get; } = new(4);

    /// <summary>Inputs along an axis.</summary>
    public int Inputs => Outputs + 2;

    /// <summary>Transformed inputs of a tile, weights of a kernel, and their products.</summary>
    public int Values => Inputs * Inputs;
}
