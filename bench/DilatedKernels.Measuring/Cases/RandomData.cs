namespace DilatedKernels.Measuring;

/// <summary>The same random numbers in every run.</summary>
internal static class RandomData
{
    /// <summary>Numbers from −<paramref name="scale"/> to <paramref name="scale"/>, 0 excepted.</summary>
    public static float[] Values(long count, string purpose, double scale = 1)
    {
        float[] values = new float[checked((int)count)];
        Random random = Source(purpose);
        foreach (ref float value in values.AsSpan())
        {
            value = (float)(scale * ((2 * random.NextDouble()) - 1));
            value = value == 0 ? (float)scale : value;
        }

        return values;
    }

    public static LabelMap Labels(Device device, int batch, int height, int width, int classes)
    {
        Random random = Source("labels");
        byte[] labels = new byte[checked(batch * height * width)];
        foreach (ref byte label in labels.AsSpan())
        {
            label = (byte)random.Next(classes);
        }

        return LabelMap.FromArray(device, batch, height, width, labels);
    }

    /// <summary>The scale that keeps a layer's outputs as large as its inputs: uniform numbers have a third of their square as variance.</summary>
    public static double WeightScale(Shape weight) => Math.Sqrt(6.0 / ((double)weight.C * weight.H * weight.W));

    // A seeded System.Random, and not the library's counter-based one: gigabytes of it in seconds.
#pragma warning disable CA5394 // Nothing here is a secret.
    private static Random Source(string purpose) => new((int)new RandomSequence(1, purpose).NextUInt32());
#pragma warning restore CA5394
}
