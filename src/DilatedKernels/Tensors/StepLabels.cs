namespace DilatedKernels;

/// <summary>
/// The label maps of one step: those that this process computes with, and what is known of the others'. A mean over valid positions is one over those of all of them.
/// </summary>
internal sealed class StepLabels(IReadOnlyList<LabelMap> maps, int count)
{
    private long[]? _elsewhere;

    public StepLabels(IReadOnlyList<LabelMap> maps)
        : this(maps, maps.Count)
    {
    }

    /// <summary>This process's maps, each a part of the step.</summary>
    public IReadOnlyList<LabelMap> Maps => maps;

    /// <summary>The number of the step's parts, those of other processes among them.</summary>
    public int Count => count;

    /// <summary>How many positions of this process's parts carry each label.</summary>
    public long[] Histogram() => [.. Enumerable.Range(0, LabelMap.Labels).Select(label => maps.Sum(map => (long)map.CountOf((byte)label)))];

    /// <summary>Takes the counts of all processes together.</summary>
    public void SetTotal(ReadOnlySpan<long> histogram)
    {
        long[] own = Histogram();
        long[] elsewhere = new long[own.Length];
        for (int label = 0; label < own.Length; label++)
        {
            elsewhere[label] = histogram[label] - own[label];
        }

        _elsewhere = elsewhere;
    }

    /// <summary>How many positions of all parts carry a label.</summary>
    public long CountOf(int label)
    {
        long found = _elsewhere?[label] ?? 0;
        foreach (LabelMap map in maps)
        {
            found += map.CountOf((byte)label);
        }

        return found;
    }

    /// <summary>How many positions of all parts carry another label than <paramref name="ignoreLabel"/>.</summary>
    public long CountValid(int ignoreLabel)
    {
        long positions = _elsewhere?.Sum() ?? 0;
        foreach (LabelMap map in maps)
        {
            positions += (long)map.Batch * map.Height * map.Width;
        }

        return positions - (ignoreLabel is >= 0 and < LabelMap.Labels ? CountOf(ignoreLabel) : 0);
    }
}
