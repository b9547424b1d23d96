using System.Numerics;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>
/// Kernels over the rows of a map and the units of a row, one float or four (kernels/dk/rows.cuh). Blocks have as many columns as a row has
/// units, up to all their threads, so that short rows share a block. Any grid gives the same bits.
/// </summary>
internal static class RowPlan
{
    private const int Threads = 256;
    private const uint MostBlocksX = 1 << 16;
    private const uint MostBlocksY = ushort.MaxValue;

    /// <summary>Floats in a unit: four where every pixel starts at a multiple of 16 bytes.</summary>
    public static int Width(int channels) => channels % 4 == 0 ? 4 : 1;

    /// <param name="kernel">The kernel that takes one float at a time; its twin for four has the suffix x4.</param>
    /// <param name="width">Floats in a unit, 1 or 4.</param>
    /// <param name="rows">Rows, 1 or more.</param>
    /// <param name="units">Units in a row, 1 or more.</param>
    /// <exception cref="OverflowException">A count does not fit the kernels' 32 bits.</exception>
    public static LaunchPlan Choose(string kernel, int width, long rows, long units)
    {
        uint unitCount = (uint)checked((int)units);
        uint rowCount = (uint)checked((int)rows);
        uint x = unitCount >= Threads ? Threads : BitOperations.RoundUpToPowerOf2(unitCount);
        uint y = Threads / x;
        var grid = new Dim3(Math.Min(CeilingDivide(unitCount, x), MostBlocksX), Math.Min(CeilingDivide(rowCount, y), MostBlocksY));
        return new LaunchPlan(width == 4 ? kernel + "x4" : kernel, grid, new Dim3(x, y));
    }

    private static uint CeilingDivide(uint a, uint b) => (a + b - 1) / b;
}
