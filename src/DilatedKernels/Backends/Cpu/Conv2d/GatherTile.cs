using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>Where a tile's sums go from the registers.</summary>
internal enum TileTarget
{
    /// <summary>To scratch memory, and from there to the output.</summary>
    Scratch,

    /// <summary>To the output, as they are.</summary>
    Output,

    /// <summary>To the output, added to what it holds.</summary>
    AddedToOutput,

    /// <summary>To the output, past the caches.</summary>
    PastCaches,
}

/// <summary>One chunk of a tile's sums, and what becomes of them.</summary>
internal unsafe struct GatherTile
{
    public TileArguments Product;
    public FinishArguments Finish;
    public TileTarget Target;

    /// <summary>Whether the sums can go to the output from the registers: nothing but adding is done to them on their way, and whole vectors are written.</summary>
    public static bool IsPlain(in FinishArguments finish) =>
        finish.Bias == null && !finish.Relu && finish.ToMask == 0 && finish.Channels * sizeof(float) == finish.TileStep;

    /// <summary>Computes the tile of so many pixels from <paramref name="source"/> on, and writes it from <paramref name="target"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(GatherTile* tile, TileKernels kernels, int rows, int columns, byte* source, byte* target)
    {
        tile->Product.A = source;
        if (tile->Target == TileTarget.Scratch)
        {
            tile->Finish.Target = target;
            tile->Finish.Rows = rows;
            kernels.Product(rows, columns, &tile->Product);
            kernels.Finish(&tile->Finish);
            return;
        }

        tile->Product.C = target;
        switch (tile->Target)
        {
            case TileTarget.Output:
                kernels.Product(rows, columns, &tile->Product);
                break;
            case TileTarget.AddedToOutput:
                kernels.AddedProduct(rows, columns, &tile->Product);
                break;
            default:
                kernels.StreamedProduct(rows, columns, &tile->Product);
                break;
        }
    }
}
