namespace DilatedKernels.Nn;

public static partial class Initialization
{
    /// <summary>
    /// The context module's initialisation (Yu and Koltun 2016, equations 4 and 5): with C classes, output map b reads input
    /// map a through the centre tap alone, <c>k(b, a) = C / out</c> where <c>⌊a·C / in⌋ = ⌊b·C / out⌋</c>; every other weight
    /// is <c>N(0, σ²)</c>. Without noise a stack of such layers hands non-negative scores on unchanged.
    /// </summary>
    /// <param name="weight">A kernel <c>[out, in, kh, kw]</c> with odd kh and kw.</param>
    /// <param name="classes">C; it divides both in and out.</param>
    /// <param name="noise">
    /// σ relative to <c>C / out</c>, 0 or more. The authors' released code uses 0.01. Where a class has several maps (out > C) noise is what
    /// lets training tell them apart.
    /// </param>
    /// <param name="seed">The run's seed.</param>
    /// <exception cref="ArgumentException">The classes do not divide the channels, or the kernel has no centre tap.</exception>
    public static void Identity(Parameter weight, int classes, double noise, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(noise);
        Shape shape = weight.Value.Shape;
        if (shape.N % classes != 0 || shape.C % classes != 0)
        {
            throw new ArgumentException($"Identity initialisation needs channels that are multiples of the {classes} classes; {weight.Name} is {shape}.", nameof(classes));
        }

        if (shape.H % 2 == 0 || shape.W % 2 == 0)
        {
            throw new ArgumentException($"Identity initialisation needs a kernel with a centre tap, so of odd height and width; {weight.Name} is {shape}.", nameof(weight));
        }

        double pass = (double)classes / shape.N;
        int inPerClass = shape.C / classes;
        int outPerClass = shape.N / classes;
        int centre = ((shape.H / 2 * shape.W) + (shape.W / 2)) * shape.C;
        Fill(weight, seed, (outChannel, random, values) =>
        {
            if (noise > 0)
            {
                foreach (ref float value in values)
                {
                    value = (float)(noise * pass * random.NextGaussian());
                }
            }

            values.Slice(centre + (outChannel / outPerClass * inPerClass), inPerClass).Fill((float)pass);
        });
    }
}
