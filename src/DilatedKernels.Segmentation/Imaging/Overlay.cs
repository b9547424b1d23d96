namespace DilatedKernels.Segmentation.Imaging;

/// <summary>Shows a mask on top of its image.</summary>
public static class Overlay
{
    /// <summary>
    /// <c>(1 − opacity)·image + opacity·colour</c> for every pixel whose index has a colour, rounded to the nearest; other pixels, such as void,
    /// stay as they are.
    /// </summary>
    /// <param name="image">The image.</param>
    /// <param name="mask">A mask of the same size.</param>
    /// <param name="palette">The colour of each class.</param>
    /// <param name="opacity">0 shows only the image, 1 only the mask.</param>
    /// <returns>A new image.</returns>
    /// <exception cref="ArgumentException">The sizes differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="opacity"/> is not within 0 to 1.</exception>
    public static RgbImage Blend(RgbImage image, IndexMask mask, Palette palette, double opacity)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(palette);
        if (!(opacity >= 0 && opacity <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(opacity), opacity, "The opacity is within 0 to 1.");
        }

        if (image.Width != mask.Width || image.Height != mask.Height)
        {
            throw new ArgumentException($"The mask is {mask.Width}×{mask.Height}, but the image is {image.Width}×{image.Height} (width×height).", nameof(mask));
        }

        RgbImage blended = new(image.Width, image.Height);
        for (int i = 0; i < mask.Indices.Length; i++)
        {
            ReadOnlySpan<byte> source = image.Pixels.AsSpan(3 * i, 3);
            Span<byte> target = blended.Pixels.AsSpan(3 * i, 3);
            if (mask.Indices[i] >= palette.Count)
            {
                source.CopyTo(target);
                continue;
            }

            (byte r, byte g, byte b) = palette[mask.Indices[i]];
            target[0] = Mix(source[0], r, opacity);
            target[1] = Mix(source[1], g, opacity);
            target[2] = Mix(source[2], b, opacity);
        }

        return blended;
    }

    private static byte Mix(byte image, byte color, double opacity) => (byte)(image + ((color - image) * opacity) + 0.5);
}
