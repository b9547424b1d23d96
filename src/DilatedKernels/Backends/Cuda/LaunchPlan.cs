using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// Which kernel, and in what grid: what the pure functions in Plans/ decide from an operation's geometry and the device, so that the
/// decision is tested without one.
/// </summary>
/// <param name="Kernel">The kernel's name.</param>
/// <param name="Grid">Blocks.</param>
/// <param name="Block">Threads in a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block in bytes.</param>
internal readonly record struct LaunchPlan(string Kernel, Dim3 Grid, Dim3 Block, int SharedBytes = 0)
{
    /// <summary>Blocks in a cluster; the default is no cluster.</summary>
    public Dim3 Cluster { get; init; }
}
