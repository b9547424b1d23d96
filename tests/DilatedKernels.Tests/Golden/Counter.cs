namespace DilatedKernels.Tests.Golden;

/// <summary>The numbers that both sides make instead of storing them: a hash of (seed, tensor, index). The other half is golden.py.</summary>
internal static class Counter
{
    private static readonly string[] s_tensors =
    [
        "x", "w", "b", "dy", "labels", "void", "y", "dx", "dw", "db", "loss", "choice", .. Enumerable.Range(0, 64).Select(i => $"p{i}"),
    ];

    public static ulong[] Words(int seed, string tensor, long count)
    {
        int number = Array.IndexOf(s_tensors, tensor);
        Assert.That(number, Is.Not.Negative, $"No tensor is called {tensor} in the golden files.");
        ulong key = Mix(((ulong)seed * 256) + (ulong)number);
        ulong[] words = new ulong[count];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = Mix(key + (ulong)i);
        }

        return words;
    }

    /// <summary>Multiples of 2⁻²³ in [−1, 1), times <paramref name="scale"/>, a power of two; in the order of the shape.</summary>
    public static float[] Values(int seed, string tensor, Shape shape, double scale = 1) =>
        Array.ConvertAll(Words(seed, tensor, shape.Count), word => (float)(((long)(word >> 40) - (1 << 23)) / (double)(1 << 23) * scale));

    public static int[] Integers(int seed, string tensor, long count, int below) =>
        Array.ConvertAll(Words(seed, tensor, count), word => (int)(word % (ulong)below));

    /// <summary>A class for every position of the scores, with 255 at one position in <paramref name="voidOneIn"/> (0: nowhere).</summary>
    public static byte[] Labels(int seed, Shape scores, int voidOneIn)
    {
        byte[] labels = Array.ConvertAll(Integers(seed, "labels", scores.Positions, scores.C), label => (byte)label);
        if (voidOneIn > 0)
        {
            int[] chances = Integers(seed, "void", scores.Positions, voidOneIn);
            for (int i = 0; i < labels.Length; i++)
            {
                labels[i] = chances[i] == 0 ? (byte)255 : labels[i];
            }
        }

        return labels;
    }

    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
