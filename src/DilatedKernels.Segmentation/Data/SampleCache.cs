namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Keeps decoded samples up to a number of bytes. What came first stays: every epoch visits all samples in a new order, so dropping
/// the least recently used would only drop what is needed sooner.
/// </summary>
internal sealed class SampleCache(IReadOnlyList<Sample> samples, ClassSet classes, long budget)
{
    private readonly Lock _lock = new();
    private readonly DecodedSample?[] _kept = new DecodedSample?[samples.Count];
    private long _bytes;

    /// <summary>The bytes of the samples kept.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    public string NameOf(int index) => samples[index].Name;

    public DecodedSample Get(int index)
    {
        lock (_lock)
        {
            if (_kept[index] is DecodedSample kept)
            {
                return kept;
            }
        }

        DecodedSample sample = SampleReader.Read(samples[index], classes);
        lock (_lock)
        {
            if (_kept[index] is null && _bytes + sample.Bytes <= budget)
            {
                _kept[index] = sample;
                _bytes += sample.Bytes;
            }
        }

        return sample;
    }
}
