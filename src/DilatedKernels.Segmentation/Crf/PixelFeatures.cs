namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// The features that a Gaussian kernel compares pixels by, <c>k(i, j) = exp(−½ Σ_a ((f_a(i) − f_a(j)) / σ_a)²)</c>. They are kept undivided
/// by σ, because differences of whole numbers are exact and those of quotients are not.
/// </summary>
/// <param name="Values">One array an axis, one number a pixel.</param>
/// <param name="Deviations">σ of each axis.</param>
internal sealed record PixelFeatures(float[][] Values, double[] Deviations)
{
    public int Dimensions => Values.Length;

    public int Points => Values[0].Length;

    /// <summary>Column and row of every pixel.</summary>
    public static PixelFeatures Spatial(int width, int height, double sigma)
    {
        (float[] x, float[] y) = Positions(width, height);
        return new PixelFeatures([x, y], [sigma, sigma]);
    }

    /// <summary>Column, row and three colours of every pixel.</summary>
    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="color">The three colours of a pixel, in any order.</param>
    /// <param name="sigma">Of the position, in pixels.</param>
    /// <param name="colorSigma">Of each colour, in its own unit.</param>
    public static PixelFeatures Bilateral(int width, int height, Func<int, (float, float, float)> color, double sigma, double colorSigma)
    {
        (float[] x, float[] y) = Positions(width, height);
        float[] first = new float[x.Length];
        float[] second = new float[x.Length];
        float[] third = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            (first[i], second[i], third[i]) = color(i);
        }

        return new PixelFeatures([x, y, first, second, third], [sigma, sigma, colorSigma, colorSigma, colorSigma]);
    }

    private static (float[] X, float[] Y) Positions(int width, int height)
    {
        float[] x = new float[checked(width * height)];
        float[] y = new float[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = i % width;
            y[i] = i / width;
        }

        return (x, y);
    }
}
