using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>The two launches of the bias gradient, and the slices that the first cuts the positions into.</summary>
/// <param name="Partial">One sum a slice and channel.</param>
/// <param name="Finish">The sums of all slices, added in a fixed order.</param>
/// <param name="Slices">The number of slices.</param>
/// <param name="SlicePositions">Positions in a slice; the last has what is left.</param>
internal readonly record struct BiasPlan(LaunchPlan Partial, LaunchPlan Finish, int Slices, int SlicePositions)
{
    private const int Lanes = 32;
    private const int Warps = 8;
    private const int ShortestSlice = 256;
    private const int MostSlices = 1024;

    /// <summary>Slices depend on the shape alone, so that every GPU adds in the same order.</summary>
    public static BiasPlan Choose(long positions, int channels, ElementType type)
    {
        long length = Math.Max(ShortestSlice, CeilingDivide(positions, MostSlices));
        int slices = (int)Math.Max(1, CeilingDivide(positions, length));
        var partial = new LaunchPlan($"bias_backward_partial_{type.Suffix()}", new Dim3((uint)CeilingDivide(channels, Lanes), (uint)slices), new Dim3(Lanes, Warps));
        var finish = new LaunchPlan("bias_backward_finish_f32", new Dim3((uint)CeilingDivide(channels, Warps)), new Dim3(Lanes * Warps));
        return new BiasPlan(partial, finish, slices, checked((int)length));
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;
}
