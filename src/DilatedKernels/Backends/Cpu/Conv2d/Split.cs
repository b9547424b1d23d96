namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>Cuts a range into parts as even as can be.</summary>
internal static class Split
{
    // From here on the last parts are too small a share of the work to matter.
    private const int ManyPartsPerThread = 12;

    /// <summary>Parts of at most <paramref name="limit"/> that cover <paramref name="count"/>.</summary>
    public static int Parts(long count, long limit) => checked((int)((count + limit - 1) / limit));

    /// <summary>
    /// As many parts, or a few more so that every one of <paramref name="threads"/> gets equally many: of five parts, two threads take as long as of six.
    /// Parts do not become smaller than <paramref name="least"/> for it.
    /// </summary>
    public static int EvenParts(long count, long limit, long least, int threads)
    {
        int parts = Parts(count, limit);
        long even = Math.Min(Parts(parts, threads) * (long)threads, count / least);
        return parts < ManyPartsPerThread * threads ? (int)Math.Max(parts, even) : parts;
    }

    /// <summary>Where part <paramref name="index"/> of <paramref name="parts"/> begins; index = parts gives the end.</summary>
    public static int Begin(int count, int parts, int index) => (int)((long)count * index / parts);
}
