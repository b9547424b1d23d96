using System.Runtime.InteropServices;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>A parameter as the optimizer kernels see it (kernels/optimizer/parameters.cuh).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OptimizerEntry
{
    public DevicePointer Value;
    public DevicePointer Gradient;
    public DevicePointer State1;
    public DevicePointer State2;
    public long Count;
    public long FirstBlock;
    public float RateMultiplier;
    public float Decay;
}

/// <summary>One launch over all parameters: consecutive blocks for each, found by the entries' first block.</summary>
internal static class OptimizerPlan
{
    private const int Threads = 256;
    private const int ElementsPerBlock = 4096;

    /// <summary>Numbers the blocks of the entries and plans their launch. Entries have a count of 1 or more.</summary>
    public static LaunchPlan Choose(string kernel, Span<OptimizerEntry> entries)
    {
        long blocks = 0;
        foreach (ref OptimizerEntry entry in entries)
        {
            entry.FirstBlock = blocks;
            blocks += (entry.Count + ElementsPerBlock - 1) / ElementsPerBlock;
        }

        return new LaunchPlan(kernel, new Dim3((uint)checked((int)blocks)), new Dim3(Threads));
    }
}
