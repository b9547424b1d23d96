using System.Runtime.Intrinsics;
using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests.Backends.Cpu;

public class SimdMathTests
{
    [Test]
    public void ExpIsWithinItsStatedError()
    {
        double worst = 0;
        for (float x = -87.3f; x < 88f; x += 0.00137f)
        {
            double exact = Math.Exp(x);
            worst = Math.Max(worst, Math.Abs(SimdMath.Exp(Vector256.Create(x))[0] - exact) / exact);
        }

        Assert.That(worst, Is.LessThan(1.2e-7).And.Positive);
    }

    [TestCase(0f, 1f)]
    [TestCase(-0f, 1f)]
    [TestCase(-87.4f, 0f)]
    [TestCase(float.MinValue, 0f)]
    [TestCase(float.NegativeInfinity, 0f)]
    [TestCase(float.NaN, float.NaN)]
    public void ExpAtTheEnds(float x, float expected) => Assert.That(SimdMath.Exp(Vector256.Create(x))[3], Is.EqualTo(expected));

    [Test]
    public unsafe void StoreFirstTouchesNothingElse([Range(0, 9)] int count)
    {
        float* target = stackalloc float[10];
        new Span<float>(target, 10).Fill(-1);
        SimdMath.StoreFirst(Vector256.Create(1f, 2, 3, 4, 5, 6, 7, 8), target, count);
        float[] expected = [.. Enumerable.Range(0, 10).Select(i => i < Math.Min(count, 8) ? i + 1f : -1f)];
        Assert.That(new Span<float>(target, 10).ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public unsafe void WeightedSumCoversEveryLength([Range(0, 25)] int count)
    {
        float* buffers = stackalloc float[3 * 26];
        for (int i = 0; i < 2 * 26; i++)
        {
            buffers[i] = i;
        }

        new Span<float>(buffers + 52, 26).Fill(-1);
        SimdMath.WeightedSum(2, buffers, 0.5f, buffers + 26, buffers + 52, count);
        float[] expected = [.. Enumerable.Range(0, 26).Select(i => i < count ? (2f * i) + (0.5f * (i + 26)) : -1f)];
        Assert.That(new Span<float>(buffers + 52, 26).ToArray(), Is.EqualTo(expected));
    }
}
