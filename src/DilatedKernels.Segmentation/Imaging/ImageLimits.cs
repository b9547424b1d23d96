namespace DilatedKernels.Segmentation.Imaging;

/// <summary>What the decoders accept. A file is refused before memory is taken for pixels that it cannot hold.</summary>
internal static class ImageLimits
{
    /// <summary>The largest file that is read, in bytes.</summary>
    public const long MaxFileBytes = 512L << 20;

    /// <summary>The largest width and the largest height: what JPEG can express.</summary>
    public const int MaxSide = 65535;

    /// <summary>The most pixels of one image, about 11,585².</summary>
    public const long MaxPixels = 1L << 27;

    /// <summary>Deflate's best case: two bits for a match of 258 bytes.</summary>
    public const long MaxInflation = 1032;

    /// <summary>JPEG's best case: one bit for a unit of 32×32 pixels, the largest that four-fold sampling gives.</summary>
    public const long MaxJpegPixelsPerByte = 32 * 32 * 8;

    public static void CheckSize(string path, long width, long height)
    {
        if (width < 1 || height < 1)
        {
            throw new ImageFormatException(path, $"the header says {width}×{height} pixels (width×height); both must be 1 or more.");
        }

        if (width > MaxSide || height > MaxSide || width * height > MaxPixels)
        {
            throw new ImageFormatException(path, $"the image is {width}×{height} pixels (width×height); images up to {MaxSide} a side and {MaxPixels} pixels in all are read.");
        }
    }
}
