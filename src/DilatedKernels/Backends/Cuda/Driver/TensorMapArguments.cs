namespace DilatedKernels.Cuda;

/// <summary>The checks that every driver makes before it encodes a tensor map; the driver itself says no more than "invalid value".</summary>
public static class TensorMapArguments
{
    private const int AddressAlignment = 16;

    /// <summary>Checks a tensor and its box.</summary>
    /// <param name="description">The tensor.</param>
    /// <param name="box">The box's extents.</param>
    /// <exception cref="ArgumentException">What does not fit, and what would.</exception>
    public static void CheckTiled(in TensorMapDescription description, ReadOnlySpan<uint> box)
    {
        CheckTensor(description, 1);
        if (box.Length != description.Extents.Length)
        {
            throw new ArgumentException($"A box in a tensor of {description.Extents.Length} axes has as many extents; this one has {box.Length}.", nameof(box));
        }

        foreach (uint extent in box)
        {
            if (extent is 0 or > 256)
            {
                throw new ArgumentException($"A box's extent is 1 to 256; it was {extent}.", nameof(box));
            }
        }
    }

    /// <summary>Checks an activation and the shape of its loads.</summary>
    /// <param name="description">The tensor.</param>
    /// <param name="lowerCorner">The offset of the first pixel.</param>
    /// <param name="upperCorner">The offset of the last pixel.</param>
    /// <param name="channelsPerPixel">Channels in a load.</param>
    /// <param name="pixelsPerColumn">Pixels in a load.</param>
    /// <exception cref="ArgumentException">What does not fit, and what would.</exception>
    public static void CheckIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn)
    {
        CheckTensor(description, 3);
        int spatial = description.Extents.Length - 2;
        if (lowerCorner.Length != spatial || upperCorner.Length != spatial)
        {
            throw new ArgumentException(
                $"A tensor of {description.Extents.Length} axes has {spatial} spatial ones, and its corners as many offsets; they have {lowerCorner.Length} and {upperCorner.Length}.",
                nameof(lowerCorner));
        }

        CheckCorner(lowerCorner);
        CheckCorner(upperCorner);
        if (channelsPerPixel is < 1 or > 256)
        {
            throw new ArgumentOutOfRangeException(nameof(channelsPerPixel), channelsPerPixel, "A load has 1 to 256 channels.");
        }

        if (pixelsPerColumn is < 1 or > 1024)
        {
            throw new ArgumentOutOfRangeException(nameof(pixelsPerColumn), pixelsPerColumn, "A load has 1 to 1024 pixels.");
        }
    }

    private static void CheckCorner(ReadOnlySpan<int> corner)
    {
        int end = 1 << (corner.Length switch { 1 => 15, 2 => 7, _ => 4 });
        foreach (int offset in corner)
        {
            if (offset < -end || offset >= end)
            {
                throw new ArgumentException($"A corner's offsets along {corner.Length} spatial axes are {-end} to {end - 1}; one was {offset}.", nameof(corner));
            }
        }
    }

    private static void CheckTensor(in TensorMapDescription description, int fewestAxes)
    {
        int axes = description.Extents.Length;
        if (axes < fewestAxes || axes > 5)
        {
            throw new ArgumentException($"The tensor has {fewestAxes} to 5 axes; this one has {axes}.", nameof(description));
        }

        if (description.Strides.Length != axes - 1)
        {
            throw new ArgumentException($"A tensor of {axes} axes has {axes - 1} strides, none for the fastest axis; {description.Strides.Length} were given.", nameof(description));
        }

        if (!description.ElementSteps.IsEmpty && description.ElementSteps.Length != axes)
        {
            throw new ArgumentException($"A tensor of {axes} axes has as many element steps, or none given; there were {description.ElementSteps.Length}.", nameof(description));
        }

        if (description.Address.Value % AddressAlignment != 0)
        {
            throw new ArgumentException($"The tensor starts at a multiple of {AddressAlignment} bytes; {description.Address} is none.", nameof(description));
        }

        foreach (ulong stride in description.Strides)
        {
            if (stride % AddressAlignment != 0)
            {
                throw new ArgumentException($"Strides are multiples of {AddressAlignment} bytes; {stride} is none.", nameof(description));
            }
        }
    }
}
