using DilatedKernels.Nn;

namespace DilatedKernels.Tests.Nn;

public class InitializationTests
{
    [Test]
    public void GaussianHasItsDeviation()
    {
        float[] values = Draw(new Shape(64, 32, 3, 3), weight => Initialization.Gaussian(weight, 0.01, seed: 1));
        CheckMoments(values, 0.01);
    }

    [Test]
    public void HeHasVarianceTwoOverFanIn()
    {
        float[] values = Draw(new Shape(128, 32, 3, 3), weight => Initialization.He(weight, seed: 2));
        CheckMoments(values, Math.Sqrt(2.0 / (32 * 9)));
    }

    [Test]
    public void GlorotIsUniformInItsBound()
    {
        float[] values = Draw(new Shape(64, 32, 3, 3), weight => Initialization.Glorot(weight, seed: 3));
        double bound = Math.Sqrt(6.0 / ((64 + 32) * 9));
        CheckMoments(values, bound / Math.Sqrt(3));
        Assert.That(values.Max(Math.Abs), Is.LessThanOrEqualTo((float)bound).And.GreaterThan(0.99f * (float)bound));
    }

    [Test]
    public void ZeroIsZero()
    {
        float[] values = Draw(new Shape(4, 4, 3, 3), weight =>
        {
            Initialization.Gaussian(weight, 1, seed: 4);
            Initialization.Zero(weight);
        });
        Assert.That(values, Is.All.Zero);
    }

    [Test]
    public void EqualNamesAndSeedsDrawEqualValuesAndOthersDoNot()
    {
        var shape = new Shape(8, 4, 3, 3);
        float[] first = Draw(shape, weight => Initialization.He(weight, seed: 5));
        Assert.Multiple(() =>
        {
            Assert.That(Draw(shape, weight => Initialization.He(weight, seed: 5)), Is.EqualTo(first));
            Assert.That(Draw(shape, weight => Initialization.He(weight, seed: 6)), Is.Not.EqualTo(first));
            Assert.That(Draw(shape, weight => Initialization.He(weight, seed: 5), "other.weight"), Is.Not.EqualTo(first));
        });
    }

    [TestCase(3, 3, 3, 3)]
    [TestCase(3, 3, 6, 3)]
    [TestCase(3, 12, 6, 3)]
    [TestCase(3, 12, 3, 1)]
    public void IdentityFollowsEquationFive(int classes, int inChannels, int outChannels, int kernel)
    {
        var shape = new Shape(outChannels, inChannels, kernel, kernel);
        float[] values = Draw(shape, weight => Initialization.Identity(weight, classes, noise: 0, seed: 7));
        int taps = kernel * kernel;
        for (int b = 0; b < outChannels; b++)
        {
            for (int a = 0; a < inChannels; a++)
            {
                for (int t = 0; t < taps; t++)
                {
                    bool passes = t == taps / 2 && a * classes / inChannels == b * classes / outChannels;
                    float expected = passes ? (float)classes / outChannels : 0f;
                    Assert.That(values[(((b * inChannels) + a) * taps) + t], Is.EqualTo(expected), $"b={b} a={a} t={t}");
                }
            }
        }
    }

    [Test]
    public void IdentityNoiseIsRelativeAndSparesThePassingTaps()
    {
        const int Classes = 8;
        var shape = new Shape(32, 64, 3, 3);
        float[] values = Draw(shape, weight => Initialization.Identity(weight, Classes, noise: 0.01, seed: 8));
        const float Pass = Classes / 32f;
        float[] noise = [.. values.Where(value => value != Pass)];
        Assert.That(values.Length - noise.Length, Is.EqualTo(32 * 64 / Classes));
        CheckMoments(noise, 0.01 * Pass);
    }

    [Test]
    public void IdentityRefusesWhatItCannotDo()
    {
        Assert.Multiple(() =>
        {
            Assert.That(
                () => Draw(new Shape(6, 4, 3, 3), weight => Initialization.Identity(weight, 3, 0, 0)),
                Throws.ArgumentException.With.Message.Contains("multiples of the 3 classes"));
            Assert.That(
                () => Draw(new Shape(3, 3, 2, 3), weight => Initialization.Identity(weight, 3, 0, 0)),
                Throws.ArgumentException.With.Message.Contains("centre tap"));
        });
    }

    private static float[] Draw(Shape shape, Action<Parameter> initialize, string name = "layer.weight")
    {
        using var parameter = new Parameter(name, Tensor.Zeros(Device.Cpu, shape));
        initialize(parameter);
        return parameter.Value.ToArray();
    }

    /// <summary>Mean and deviation within five of their own standard errors (normal values; wide enough for uniform ones).</summary>
    private static void CheckMoments(float[] values, double deviation)
    {
        double mean = values.Average(value => (double)value);
        double variance = values.Average(value => (value - mean) * (value - mean));
        Assert.Multiple(() =>
        {
            Assert.That(mean, Is.EqualTo(0).Within(5 * deviation / Math.Sqrt(values.Length)));
            Assert.That(Math.Sqrt(variance), Is.EqualTo(deviation).Within(5 * deviation / Math.Sqrt(2.0 * values.Length)));
        });
    }
}
