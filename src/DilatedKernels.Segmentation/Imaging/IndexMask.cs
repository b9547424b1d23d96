namespace DilatedKernels.Segmentation.Imaging;

/// <summary>A label mask in host memory: one class index a pixel, with one value that may be set aside as void.</summary>
public sealed class IndexMask
{
    /// <summary>Creates a mask of zeros.</summary>
    /// <param name="width">Columns, 1 or more.</param>
    /// <param name="height">Rows, 1 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is not positive.</exception>
    public IndexMask(int width, int height)
        : this(width, height, new byte[RgbImage.PixelBytes(width, height, 1)])
    {
    }

    /// <summary>Wraps indices without copying them.</summary>
    /// <param name="width">Columns, 1 or more.</param>
    /// <param name="height">Rows, 1 or more.</param>
    /// <param name="indices">Exactly width·height indices, row by row from the top left.</param>
    /// <exception cref="ArgumentOutOfRangeException">An extent is not positive.</exception>
    /// <exception cref="ArgumentException"><paramref name="indices"/> has another length.</exception>
    public IndexMask(int width, int height, byte[] indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        int expected = RgbImage.PixelBytes(width, height, 1);
        if (indices.Length != expected)
        {
            throw new ArgumentException($"A mask {width}×{height} (width×height) needs {expected} indices, but {indices.Length} were given.", nameof(indices));
        }

        (Width, Height, Indices) = (width, height, indices);
    }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>The indices row by row: pixel (x, y) is at <c>y·Width + x</c>.</summary>
    public byte[] Indices { get; }

    /// <summary>A copy with left and right exchanged.</summary>
    public IndexMask Mirror()
    {
        byte[] mirrored = [.. Indices];
        for (int y = 0; y < Height; y++)
        {
            mirrored.AsSpan(y * Width, Width).Reverse();
        }

        return new IndexMask(Width, Height, mirrored);
    }
}
