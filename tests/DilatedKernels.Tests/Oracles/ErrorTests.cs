namespace DilatedKernels.Tests.Oracles;

public class ErrorTests
{
    [TestCase(new[] { 1f, 2f }, new[] { 1.0, 2.0 }, 0)]
    [TestCase(new[] { 3f, 4f }, new[] { 3.0, 0.0 }, 4.0 / 3)]
    [TestCase(new[] { 3f, 4f }, new[] { 0.0, 0.0 }, 5)]
    [TestCase(new[] { 1f, float.NaN }, new[] { 1.0, 2.0 }, double.PositiveInfinity)]
    [TestCase(new[] { 1f, 2f }, new[] { 1.0, double.NaN }, double.PositiveInfinity)]
    [TestCase(new[] { 1f, float.PositiveInfinity }, new[] { 1.0, 2.0 }, double.PositiveInfinity)]
    public void IsTheNormOfTheDifference(float[] a, double[] b, double expected) => Assert.That(Error.Relative(a, b), Is.EqualTo(expected).Within(1e-15));

    // Why nothing that may be NaN is held against a bound as it is.
    [Test]
    public void NUnitAcceptsNaN() => Assert.That(double.NaN, Is.LessThan(1e-5));
}
