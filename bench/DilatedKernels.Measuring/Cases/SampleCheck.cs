using System.Globalization;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;

namespace DilatedKernels.Measuring;

/// <summary>Compares a sample of a result with its definition in double precision, as relative error <c>‖a − b‖ / ‖b‖</c> over the sample.</summary>
internal static class SampleCheck
{
    /// <summary>What float32 is allowed, as in the library's tests.</summary>
    public const double Tolerance = 1e-5;

    // Eight significant bits: each rounding is up to 2^-9.
    private const double BFloat16Tolerance = 1e-2;

    // Operands of 11 significant bits.
    private const double Tf32Tolerance = 1e-3;

    private const int Size = 64;

    /// <summary>What a case with activations of this type is allowed.</summary>
    public static double ToleranceOf(ElementType type) => type == ElementType.Float32 ? Tolerance : BFloat16Tolerance;

    /// <summary>What a convolution of activations of this type is allowed on the device.</summary>
    public static double ToleranceOf(Backend backend, ElementType type) =>
        type == ElementType.Float32 && backend is CudaBackend { Float32Precision: Float32Precision.Tf32 } ? Tf32Tolerance : ToleranceOf(type);

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
    /// <param name="tolerance">What is allowed; null for what results of the tensor's type are.</param>
    public static void Elements(Tensor actual, string what, Func<Position, double> expected, double? tolerance = null)
    {
        float[] values = actual.ToChannelsLast();
        long[] indices = [.. Indices(actual.Shape.Count)];
        double[] oracle = new double[indices.Length];
        Parallel.For(0, indices.Length, i => oracle[i] = expected(Position.Of(actual.Shape, indices[i])));
        Compare([.. indices.Select(i => (double)values[i])], oracle, what, tolerance ?? ToleranceOf(actual.ElementType));
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
