namespace DilatedKernels.Measuring;

/// <summary>What was measured of one pass of one shape.</summary>
/// <param name="Shape">Which shape.</param>
/// <param name="Pass">Which pass.</param>
/// <param name="Type">The element type of activations.</param>
/// <param name="Milliseconds">The samples, each the time of one run.</param>
/// <param name="Flops">Of one run; 0 where that says nothing.</param>
public sealed record Measurement(BenchShape Shape, string Pass, string Type, IReadOnlyList<double> Milliseconds, long Flops)
{
    /// <summary>Why a GPU's driver was called kernel by kernel; empty where a CUDA graph was replayed, null on the processor.</summary>
    public string? WhyNotRecorded { get; init; }

    /// <summary>Median, least and most.</summary>
    public Statistics Time => Statistics.Of(Milliseconds);

    /// <summary>10⁹ floating-point operations a second at the median, or null.</summary>
    public double? GigaFlops => Flops > 0 ? Flops / Time.Median / 1e6 : null;
}
