namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>What the kernels' 32-bit coordinates can hold. Offsets into tensors are 64-bit and have no limit of their own.</summary>
internal static class Conv2dLimits
{
    // A tile may start within the map and end behind it.
    private const long MostPositions = int.MaxValue - (1 << 16);
    private const long MostExtent = 1 << 29;

    /// <summary>Why the kernels cannot run a convolution; null when they can.</summary>
    public static string? WhyNot(in Conv2dGeometry g)
    {
        if (g.InHeight + (2L * g.PadH) >= MostExtent || g.InWidth + (2L * g.PadW) >= MostExtent)
        {
            return $"the padded input is {g.InHeight + (2L * g.PadH)}×{g.InWidth + (2L * g.PadW)} pixels; an axis may have {MostExtent - 1}";
        }

        long inPositions = (long)g.Batch * g.InHeight * g.InWidth;
        long outPositions = (long)g.Batch * g.OutHeight * g.OutWidth;
        if (Math.Max(inPositions, outPositions) > MostPositions)
        {
            return $"the batch has {inPositions} input and {outPositions} output pixels; each may be {MostPositions}";
        }

        long columns = (long)g.Taps * Math.Max(g.InChannels, g.OutChannels);
        if (columns > MostPositions)
        {
            return $"{g.Taps} taps of {Math.Max(g.InChannels, g.OutChannels)} channels are {columns} weights to a channel; there may be {MostPositions}";
        }

        return null;
    }
}
