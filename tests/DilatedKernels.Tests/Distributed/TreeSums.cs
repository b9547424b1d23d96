namespace DilatedKernels.Tests.Distributed;

/// <summary>Values of the parts of a step, and their sums straight from the definition of the tree.</summary>
internal static class TreeSums
{
    /// <summary>The values of one part: of sizes that make every other order of addition give other bits.</summary>
    public static float[] OfPart(int part, int length, int seed)
    {
        var random = new Random((seed * 1000) + part);
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
        {
            values[i] = (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 4)));
        }

        return values;
    }

    /// <summary>A node is the sum of its halves.</summary>
    public static float[] OfNode(int begin, int parts, int length, int seed) =>
        parts == 1 ? OfPart(begin, length, seed) : Plus(OfNode(begin, parts / 2, length, seed), OfNode(begin + (parts / 2), parts / 2, length, seed));

    /// <summary>The parts from 0 on: the largest node that fits, then the largest that fits behind it, added from left to right.</summary>
    public static float[] Of(int begin, int end, int length, int seed)
    {
        float[]? sum = null;
        while (begin < end)
        {
            int node = 1;
            while (begin + (2 * node) <= end)
            {
                node *= 2;
            }

            float[] values = OfNode(begin, node, length, seed);
            sum = sum is null ? values : Plus(sum, values);
            begin += node;
        }

        return sum ?? new float[length];
    }

    private static float[] Plus(float[] left, float[] right) => [.. left.Zip(right, (a, b) => a + b)];
}
