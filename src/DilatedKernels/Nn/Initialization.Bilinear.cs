namespace DilatedKernels.Nn;

public static partial class Initialization
{
    /// <summary>
    /// Makes a transposed convolution begin as bilinear interpolation of every channel by itself (Long et al. 2015): along each axis
    /// <c>w(i) = 1 − |i − (k − 1)/2| / ⌈k/2⌉</c> where input and output channel are the same, 0 elsewhere.
    /// </summary>
    /// <param name="weight">A kernel <c>[C, C, k, k]</c>; for a stride of s, k is <c>2s − s mod 2</c>.</param>
    /// <exception cref="ArgumentException">The kernel is not square in channels.</exception>
    public static void Bilinear(Parameter weight)
    {
        ArgumentNullException.ThrowIfNull(weight);
        Shape shape = weight.Value.Shape;
        if (shape.N != shape.C)
        {
            throw new ArgumentException($"Bilinear initialisation hands every channel on to itself, so it needs as many outputs as inputs; {weight.Name} is {shape}.", nameof(weight));
        }

        float[] values = new float[checked((int)shape.Count)];
        for (int channel = 0; channel < shape.C; channel++)
        {
            for (int y = 0; y < shape.H; y++)
            {
                for (int x = 0; x < shape.W; x++)
                {
                    values[(((((channel * shape.H) + y) * shape.W) + x) * shape.C) + channel] = (float)(Tent(y, shape.H) * Tent(x, shape.W));
                }
            }
        }

        weight.Value.SetChannelsLast(values);

        static double Tent(int tap, int kernel) => 1 - (Math.Abs(tap - ((kernel - 1) / 2.0)) / ((kernel + 1) / 2));
    }
}
