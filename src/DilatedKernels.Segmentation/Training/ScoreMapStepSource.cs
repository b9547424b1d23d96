using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Batches of stored score maps: whole maps, smaller ones filled up with void, or random crops of a given number of cells.
/// </summary>
internal sealed class ScoreMapStepSource(
    ScoreMapStore store, int samples, bool mirror, int batchSize, Size2 cells, int voidLabel, ulong seed) : IStepSource
{
    private readonly EpochOrder _order = new(samples, seed, "order");
    private readonly Dictionary<(int, bool), ScoreMapStore.Entry> _cache = [];
    private long _cachedBytes;

    /// <summary>Decoded maps kept in memory; the rest is read again from disk.</summary>
    public long CacheBytes { get; init; } = 2L << 30;

    /// <summary>The maps of a batch that are read here, from the first to before the last.</summary>
    public (int Begin, int End) OwnImages { get; init; } = (0, batchSize);

    public StepInput Get(long step)
    {
        int images = OwnImages.End - OwnImages.Begin;
        ScoreMapStore.Entry first = Entry(step, OwnImages.Begin, out _);
        int scale = first.LabelHeight / first.Height;
        var shape = new Shape(images, first.Channels, cells.Height, cells.Width);
        var labelSize = new Size2(cells.Height * scale, cells.Width * scale);
        float[] values = new float[shape.Count];
        byte[] labels = new byte[images * labelSize.Height * labelSize.Width];
        Array.Fill(labels, (byte)voidLabel);
        for (int i = 0; i < images; i++)
        {
            ScoreMapStore.Entry entry = Entry(step, OwnImages.Begin + i, out RandomSequence random);
            int top = random.NextInt32(Math.Max(0, entry.Height - cells.Height) + 1);
            int left = random.NextInt32(Math.Max(0, entry.Width - cells.Width) + 1);
            Copy(entry.Scores, entry.Height, entry.Width, top, left, values, i, cells, entry.Channels);
            Copy(entry.Labels, entry.LabelHeight, entry.LabelWidth, top * scale, left * scale, labels, i, labelSize, 1);
        }

        return new StepInput(shape, values, labelSize, labels);
    }

    public void Dispose() => _cache.Clear();

    private static void Copy<T>(T[] source, int height, int width, int top, int left, T[] target, int index, Size2 size, int channels)
    {
        int rows = Math.Min(size.Height, height - top);
        int columns = Math.Min(size.Width, width - left);
        for (int y = 0; y < rows; y++)
        {
            Array.Copy(source, (((top + y) * width) + left) * channels, target, ((((index * size.Height) + y) * size.Width) * channels), columns * channels);
        }
    }

    private ScoreMapStore.Entry Entry(long step, int index, out RandomSequence random)
    {
        long position = (step * batchSize) + index;
        random = new RandomSequence(seed, "crop", (ulong)position);
        bool mirrored = random.NextInt32(2) == 1 && mirror;
        int sample = _order[position];
        if (_cache.TryGetValue((sample, mirrored), out ScoreMapStore.Entry? cached))
        {
            return cached;
        }

        ScoreMapStore.Entry entry = store.Load(sample, mirrored);
        long bytes = ((long)entry.Scores.Length * sizeof(float)) + entry.Labels.Length;
        if (_cachedBytes + bytes <= CacheBytes)
        {
            _cache.Add((sample, mirrored), entry);
            _cachedBytes += bytes;
        }

        return entry;
    }
}
