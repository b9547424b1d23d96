namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>Cuts a range into parts as even as can be.</summary>
internal static class Split
{
    /// <summary>Parts of at most <paramref name="limit"/> that cover <paramref name="count"/>.</summary>
    public static int Parts(long count, long limit) => checked((int)((count + limit - 1) / limit));

    /// <summary>Where part <paramref name="index"/> of <paramref name="parts"/> begins; index = parts gives the end.</summary>
    public static int Begin(int count, int parts, int index) => (int)((long)count * index / parts);
}
