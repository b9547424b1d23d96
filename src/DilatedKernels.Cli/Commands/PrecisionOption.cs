using System.CommandLine;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--precision</c>, the same for every verb that computes with a network.</summary>
internal static class PrecisionOption
{
    public static Option<ElementType> Create() => Choice.Of(
        "--precision", "How activations are stored: bfloat16 halves their memory. Weights and sums are float32 either way.", ElementType.Float32);
}
