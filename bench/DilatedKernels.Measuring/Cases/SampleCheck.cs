using System.Globalization;

namespace DilatedKernels.Measuring;

/// <summary>Compares a sample of a result with its definition in double precision, as relative error <c>‖a − b‖ / ‖b‖</c> over the sample.</summary>
internal static class SampleCheck
{
    /// <summary>What float32 is allowed, as in the library's tests.</summary>
    public const double Tolerance = 1e-5;

    // Eight significant bits: each rounding is up to 2^-9.
    private const double BFloat16Tolerance = 1e-2;

    private const int Size = 64;

    /// <summary>What a case with activations of this type is allowed.</summary>
    public static double ToleranceOf(ElementType type) => type == ElementType.Float32 ? Tolerance : BFloat16Tolerance;

    /// <summary>Elements of a tensor, chosen at random, first and last among them.</summary>
    public static IEnumerable<long> Indices(long count)
    {
        var random = new RandomSequence(1, "sample", (ulong)count);
        yield return 0;
        yield return count - 1;
        for (int i = 0; i < Size; i++)
        {
            yield return (long)(random.NextDouble() * count);
        }
    }

    /// <summary>Checks elements of a channels-last tensor.</summary>
    /// <param name="actual">The whole result.</param>
    /// <param name="what">What the message calls it.</param>
    /// <param name="expected">The definition of the element with this position.</param>
    /// <param name="from">The type of the activations it was computed from; null where that is the result's own.</param>
    public static void Elements(Tensor actual, string what, Func<Position, double> expected, ElementType? from = null)
    {
        float[] values = actual.ToChannelsLast();
        long[] indices = [.. Indices(actual.Shape.Count)];
        double[] oracle = new double[indices.Length];
        Parallel.For(0, indices.Length, i => oracle[i] = expected(Position.Of(actual.Shape, indices[i])));
        Compare([.. indices.Select(i => (double)values[i])], oracle, what, ToleranceOf(from ?? actual.ElementType));
    }

    /// <summary>Checks numbers against numbers.</summary>
    /// <exception cref="WrongResultException">They differ by more than <paramref name="tolerance"/>.</exception>
    public static void Compare(ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, string what, double tolerance = Tolerance)
    {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }

        double error = difference == 0 ? 0 : Math.Sqrt(difference / norm);
        if (!(error <= tolerance))
        {
            throw new WrongResultException(string.Create(CultureInfo.InvariantCulture,
                $"{what} is wrong: over a sample of {expected.Length} elements its relative error to the definition in double precision is {error:G3}; {tolerance:G2} is allowed."));
        }
    }

    /// <summary>The place of an element in the order of the shape.</summary>
    public readonly record struct Position(int N, int C, int H, int W)
    {
        public static Position Of(Shape shape, long index)
        {
            (long rest, long c) = Math.DivRem(index, shape.C);
            (rest, long w) = Math.DivRem(rest, shape.W);
            (long n, long h) = Math.DivRem(rest, shape.H);
            return new((int)n, (int)c, (int)h, (int)w);
        }
    }
}
