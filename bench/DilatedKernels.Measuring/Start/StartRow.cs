namespace DilatedKernels.Measuring;

/// <summary>A program that was started several times.</summary>
/// <param name="What">What it did.</param>
/// <param name="Side">Which program.</param>
/// <param name="Budget">The milliseconds that it may take; null where nothing is asked.</param>
/// <param name="Milliseconds">From the start of its process to its end, each time.</param>
internal sealed record StartRow(string What, string Side, double? Budget, IReadOnlyList<double> Milliseconds)
{
    public Statistics Ms => Statistics.Of(Milliseconds);
}
