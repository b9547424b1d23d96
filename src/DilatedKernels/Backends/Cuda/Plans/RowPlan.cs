using System.Numerics;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>
/// Kernels over the rows of a map and the units of a row, one element or 128 bits of them (kernels/dk/rows.cuh). Blocks have as many columns as a row has
/// units, up to all their threads, so that short rows share a block. Any grid gives the same bits.
/// </summary>
internal static class RowPlan
{
    private const int Threads = 256;
    private const uint MostBlocksX = 1 << 16;
    private const uint MostBlocksY = ushort.MaxValue;

    /// <summary>Elements in a unit: four float32 or eight bfloat16 where every pixel starts at a multiple of 16 bytes, else one.</summary>
    public static int Width(int channels, ElementType type) => channels % type.Wide() == 0 ? type.Wide() : 1;

    /// <summary>Chooses <c>{kernel}_f32</c>, <c>_f32x4</c>, <c>_bf16</c> or <c>_bf16x8</c>.</summary>
    /// <param name="kernel">The kernel's name without its type.</param>
    /// <param name="type">The activations' type.</param>
    /// <param name="width">Elements in a unit, from <see cref="Width"/>.</param>
    /// <param name="rows">Rows, 1 or more.</param>
    /// <param name="units">Units in a row, 1 or more.</param>
    /// <exception cref="OverflowException">A count does not fit the kernels' 32 bits.</exception>
    public static LaunchPlan Choose(string kernel, ElementType type, int width, long rows, long units)
    {
        string name = width == 1 ? $"{kernel}_{type.Suffix()}" : $"{kernel}_{type.Suffix()}x{width}";
        return new LaunchPlan(name, Grid(rows, units, out Dim3 block), block);
    }

    /// <summary>The blocks that cover rows and units, and their threads.</summary>
    public static Dim3 Grid(long rows, long units, out Dim3 block)
    {
        uint unitCount = (uint)checked((int)units);
        uint rowCount = (uint)checked((int)rows);
        uint x = unitCount >= Threads ? Threads : BitOperations.RoundUpToPowerOf2(unitCount);
        uint y = Threads / x;
        block = new Dim3(x, y);
        return new Dim3(Math.Min(CeilingDivide(unitCount, x), MostBlocksX), Math.Min(CeilingDivide(rowCount, y), MostBlocksY));
    }

    private static uint CeilingDivide(uint a, uint b) => (a + b - 1) / b;
}
