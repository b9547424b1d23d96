namespace DilatedKernels.Nn;

/// <summary>
/// Initial values of parameters. Every output channel draws from its own <see cref="RandomSequence"/> named by
/// (seed, the parameter's name, the channel), so the values depend on nothing else.
/// </summary>
public static partial class Initialization
{
    private delegate void FillChannel(int outChannel, RandomSequence random, Span<float> values);

    /// <summary>Sets every value to zero.</summary>
    /// <param name="parameter">The parameter.</param>
    public static void Zero(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        parameter.Value.SetChannelsLast(new float[checked((int)parameter.Value.Shape.Count)]);
    }

    /// <summary>Draws from the normal distribution with mean 0.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="deviation">The standard deviation, 0 or more.</param>
    /// <param name="seed">The run's seed.</param>
    public static void Gaussian(Parameter parameter, double deviation, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(deviation);
        Fill(parameter, seed, (_, random, values) =>
        {
            foreach (ref float value in values)
            {
                value = (float)(deviation * random.NextGaussian());
            }
        });
    }

    /// <summary>
    /// Normal with variance <c>2 / (in · kh · kw)</c>, which keeps the size of activations through layers with ReLU
    /// (He et al. 2015, equation 10).
    /// </summary>
    /// <param name="weight">A kernel <c>[out, in, kh, kw]</c>.</param>
    /// <param name="seed">The run's seed.</param>
    public static void He(Parameter weight, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Gaussian(weight, Math.Sqrt(2.0 / FanIn(weight.Value.Shape)), seed);
    }

    /// <summary>
    /// Uniform on <c>±√(6 / ((in + out) · kh · kw))</c> (Glorot and Bengio 2010, equation 16).
    /// </summary>
    /// <param name="weight">A kernel <c>[out, in, kh, kw]</c>.</param>
    /// <param name="seed">The run's seed.</param>
    public static void Glorot(Parameter weight, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Shape shape = weight.Value.Shape;
        double bound = Math.Sqrt(6.0 / (FanIn(shape) + ((double)shape.N * shape.H * shape.W)));
        Fill(weight, seed, (_, random, values) =>
        {
            foreach (ref float value in values)
            {
                value = (float)(bound * ((2.0 * random.NextDouble()) - 1.0));
            }
        });
    }

    private static double FanIn(Shape weight) => (double)weight.C * weight.H * weight.W;

    private static void Fill(Parameter parameter, ulong seed, FillChannel fill)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        Tensor value = parameter.Value;
        float[] values = new float[checked((int)value.Shape.Count)];
        if (values.Length == 0)
        {
            return;
        }

        int perChannel = values.Length / value.Shape.N;
        Parallel.For(0, value.Shape.N, channel => fill(
            channel,
            new RandomSequence(seed, parameter.Name, (ulong)channel),
            values.AsSpan(channel * perChannel, perChannel)));
        value.SetChannelsLast(values);
    }
}
