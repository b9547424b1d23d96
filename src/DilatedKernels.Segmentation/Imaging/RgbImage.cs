namespace DilatedKernels.Segmentation.Imaging;

/// <summary>An image of 8-bit red, green and blue in host memory.</summary>
public sealed class RgbImage
{
    /// <summary>Creates a black image.</summary>
    /// <param name="width">Columns, 1 or more.</param>
    /// <param name="height">Rows, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is not positive.</exception>
    public RgbImage(int width, int height)
        : this(width, height, new byte[PixelBytes(width, height, 3)])
    {
    }

    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="width">Columns, 1 or more.</param>
    /// <param name="height">Rows, 1 or more.</param>
    /// <param name="pixels">Exactly 3·width·height bytes: R, G, B of each pixel, row by row from the top left.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is not positive.</exception>
    /// <exception cref="ArgumentException"><paramref name="pixels"/> has another length.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        int expected = PixelBytes(width, height, 3);
        if (pixels.Length != expected)
        {
            throw new ArgumentException($"An RGB image {width}×{height} (width×height) needs {expected} bytes, but {pixels.Length} were given.", nameof(pixels));
        }

        (Width, Height, Pixels) = (width, height, pixels);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>R, G, B of each pixel, row by row: pixel (x, y) starts at <c>3·(y·Width + x)</c>.</summary>
    public byte[] Pixels { get; }

    /// <summary>A copy with left and right exchanged.</summary>
    public RgbImage Mirror()
    {
        byte[] mirrored = new byte[Pixels.Length];
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                Pixels.AsSpan(3 * ((y * Width) + x), 3).CopyTo(mirrored.AsSpan(3 * ((y * Width) + Width - 1 - x), 3));
            }
        }

        return new RgbImage(Width, Height, mirrored);
    }

    internal static int PixelBytes(int width, int height, int channels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        return checked(width * height * channels);
    }
}
