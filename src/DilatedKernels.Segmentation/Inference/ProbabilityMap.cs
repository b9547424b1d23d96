using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>The probability of every class at every pixel of an image, in host memory.</summary>
public sealed class ProbabilityMap
{
    /// <summary>Wraps values without copying them.</summary>
    /// <param name="width">Columns, 1 or more.</param>
    /// <param name="height">Rows, 1 or more.</param>
    /// <param name="classes">C, 1 to 256.</param>
    /// <param name="values">Exactly width·height·C values: all classes of each pixel, row by row from the top left.</param>
    /// <exception cref="ArgumentException">An extent is out of range, or there is another number of values.</exception>
    public ProbabilityMap(int width, int height, int classes, float[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, 256);
        if (values.Length != (long)width * height * classes)
        {
            throw new ArgumentException($"Probabilities of {classes} classes for {width}×{height} pixels (width×height) are {(long)width * height * classes} values, but {values.Length} were given.", nameof(values));
        }

        (Width, Height, Classes, Values) = (width, height, classes, values);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>C.</summary>
    public int Classes { get; }

    /// <summary>Class c of pixel (x, y) is at <c>(y·Width + x)·C + c</c>.</summary>
    public float[] Values { get; }

    /// <summary>The most probable class of every pixel; the first of equals.</summary>
    public IndexMask ArgMax()
    {
        byte[] indices = new byte[Width * Height];
        for (int i = 0; i < indices.Length; i++)
        {
            indices[i] = ArgMax(Values.AsSpan(i * Classes, Classes));
        }

        return new IndexMask(Width, Height, indices);
    }

    internal static byte ArgMax(ReadOnlySpan<float> pixel)
    {
        int best = 0;
        for (int c = 1; c < pixel.Length; c++)
        {
            if (pixel[c] > pixel[best])
            {
                best = c;
            }
        }

        return (byte)best;
    }
}
