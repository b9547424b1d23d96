using System.Runtime.Intrinsics;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// Numbers by pixel and class: a row a pixel, one number a class, padded with zeros to whole vectors of <see cref="Lanes"/>. A load at a
/// multiple of <see cref="Lanes"/> is inside the array when its first element is.
/// </summary>
internal static class Rows
{
    public const int Lanes = 8;

    /// <summary>Pixels of a piece of work that touches every row once.</summary>
    public const int Grain = 1 << 11;

    /// <summary>From one row to the next.</summary>
    public static int Stride(int classes) => (classes + Lanes - 1) / Lanes * Lanes;

    /// <exception cref="ArgumentException">No array is that long.</exception>
    public static float[] Allocate(int points, int stride)
    {
        long length = (long)points * stride;
        return length <= Array.MaxLength
            ? new float[length]
            : throw new ArgumentException($"{points} pixels with {stride} numbers each are {length}; an array holds at most {Array.MaxLength}. Scale the image down.");
    }

    public static float[] Pad(ReadOnlySpan<float> values, int points, int classes) => Pad(values, points, classes, Stride(classes));

    public static float[] Pad(ReadOnlySpan<float> values, int points, int classes, int stride)
    {
        float[] rows = Allocate(points, stride);
        for (int i = 0; i < points; i++)
        {
            values.Slice(i * classes, classes).CopyTo(rows.AsSpan(i * stride));
        }

        return rows;
    }

    public static void Unpad(float[] rows, Span<float> values, int classes) => Unpad(rows, values, classes, Stride(classes));

    public static void Unpad(float[] rows, Span<float> values, int classes, int stride)
    {
        for (int i = 0; i < values.Length / classes; i++)
        {
            rows.AsSpan(i * stride, classes).CopyTo(values[(i * classes)..]);
        }
    }

    /// <summary><c>target += factor · source</c> over <paramref name="length"/> numbers, a multiple of <see cref="Lanes"/>.</summary>
    public static void AddScaled(float factor, float[] source, int sourceStart, float[] target, int targetStart, int length)
    {
        Vector256<float> factors = Vector256.Create(factor);
        for (int c = 0; c < length; c += Lanes)
        {
            Vector256<float> sum = Vector256.LoadUnsafe(ref target[targetStart + c]);
            Vector256.FusedMultiplyAdd(factors, Vector256.LoadUnsafe(ref source[sourceStart + c]), sum).StoreUnsafe(ref target[targetStart + c]);
        }
    }
}
