using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>
/// Softmax kernels: a thread a pixel with all its scores in registers up to 64 classes, a warp a pixel above (kernels/softmax).
/// </summary>
internal static class SoftmaxPlan
{
    private const int TilePixels = 128;
    private const int WideThreads = 256;
    private const int WidePixels = WideThreads / 32;

    private static readonly int[] PaddedCounts = [8, 16, 24, 32, 48, 64];

    /// <param name="kernel">softmax_forward, softmax_backward, softmax_cross_entropy or focal_loss.</param>
    /// <param name="type">The activations' type.</param>
    /// <param name="positions">Pixels, 1 or more.</param>
    /// <param name="channels">Classes, 1 or more.</param>
    public static LaunchPlan Choose(string kernel, ElementType type, long positions, int channels)
    {
        foreach (int padded in PaddedCounts)
        {
            if (channels <= padded)
            {
                // The tile is float32 whatever the type. An odd distance between pixels keeps a warp's threads in different banks.
                int sharedBytes = TilePixels * (channels | 1) * sizeof(float);
                return new LaunchPlan($"{kernel}_{type.Suffix()}_c{padded}", new Dim3(Blocks(positions, TilePixels)), new Dim3(TilePixels), sharedBytes);
            }
        }

        return new LaunchPlan($"{kernel}_{type.Suffix()}_wide", new Dim3(Blocks(positions, WidePixels)), new Dim3(WideThreads));
    }

    private static uint Blocks(long positions, int pixels) => (uint)checked((int)((positions + pixels - 1) / pixels));
}
