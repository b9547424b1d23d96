namespace DilatedKernels.Tests.Oracles;

/// <summary>What a test may hold against a bound: NUnit sorts NaN below every number, so that <c>Is.LessThan</c> accepts it.</summary>
internal static class Error
{
    /// <summary>An error, infinite where it is NaN.</summary>
    public static double OrInfinite(double error) => double.IsNaN(error) ? double.PositiveInfinity : error;

    /// <summary><c>‖a − b‖ / ‖b‖</c>, or <c>‖a‖</c> where b is zero. NaN anywhere makes it infinite.</summary>
    public static double Relative(float[] a, double[] b)
    {
        Assert.That(a, Has.Length.EqualTo(b.Length));
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < a.Length; i++)
        {
            difference += (a[i] - b[i]) * (a[i] - b[i]);
            norm += b[i] * b[i];
        }

        return OrInfinite(Math.Sqrt(difference) / (norm == 0 ? 1 : Math.Sqrt(norm)));
    }
}
