namespace DilatedKernels;

/// <summary>A result or gradient holds NaN or an infinity: where it began, on a tape that looks (<see cref="Tape.Record(bool, CancellationToken)"/>).</summary>
public sealed class NonFiniteException : Exception
{
    internal NonFiniteException(string message)
        : base(message)
    {
    }
}
