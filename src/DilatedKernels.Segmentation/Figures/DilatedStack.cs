namespace DilatedKernels.Segmentation.Figures;

/// <summary>
/// Which cells of its input one output of successive dilated 3×3 layers depends on. Along an axis these are the sums <c>Σ k_j·d_j</c> with every k_j of −1, 0
/// and 1; in two dimensions, all pairs of them.
/// </summary>
internal sealed class DilatedStack
{
    public const int MostLayers = 64;
    public const int MostDilation = 1 << 12;

    private DilatedStack(IReadOnlyList<int> dilations, int field, IReadOnlyList<bool> touched)
    {
        (Dilations, Field, Touched) = (dilations, field, touched);
    }

    /// <summary>The dilations, the layer nearest the input first.</summary>
    public IReadOnlyList<int> Dilations { get; }

    /// <summary>The receptive field along an axis, <c>1 + 2·Σ d_j</c>.</summary>
    public int Field { get; }

    /// <summary>Of each cell along an axis of the receptive field, whether the output depends on it.</summary>
    public IReadOnlyList<bool> Touched { get; }

    /// <summary>Cells of the square receptive field.</summary>
    public long Cells => (long)Field * Field;

    /// <summary>Those of them that the output does not depend on.</summary>
    public long Gaps => Cells - ((long)Touched.Count(touched => touched) * Touched.Count(touched => touched));

    /// <summary>The stacks of the first layer, the first two, and so on.</summary>
    /// <exception cref="UserInputException">There are no dilations, too many, or one is out of range.</exception>
    public static IReadOnlyList<DilatedStack> Of(IReadOnlyList<int> dilations)
    {
        if (dilations.Count is < 1 or > MostLayers || dilations.Any(dilation => dilation is < 1 or > MostDilation))
        {
            throw new UserInputException($"A stack has 1 to {MostLayers} layers with dilations from 1 to {MostDilation}; these were {string.Join(",", dilations)}.");
        }

        var stacks = new List<DilatedStack>();
        bool[] touched = [true];
        for (int layer = 0; layer < dilations.Count; layer++)
        {
            int dilation = dilations[layer];
            bool[] wider = new bool[touched.Length + (2 * dilation)];
            for (int i = 0; i < touched.Length; i++)
            {
                wider[i] |= touched[i];
                wider[i + dilation] |= touched[i];
                wider[i + (2 * dilation)] |= touched[i];
            }

            touched = wider;
            stacks.Add(new DilatedStack([.. dilations.Take(layer + 1)], touched.Length, touched));
        }

        return stacks;
    }

    /// <summary>The runs of cells along an axis that are not touched, as first cell and length.</summary>
    public IEnumerable<(int From, int Length)> GapRuns()
    {
        for (int i = 0; i < Field; i++)
        {
            int from = i;
            while (i < Field && !Touched[i])
            {
                i++;
            }

            if (i > from)
            {
                yield return (from, i - from);
            }
        }
    }
}
