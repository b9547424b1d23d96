using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Cuts the crops of a step. Safe to use from several threads.</summary>
internal sealed class BatchBuilder
{
    private readonly SampleCache _cache;
    private readonly ClassSet _classes;
    private readonly CropOptions _options;
    private readonly CropPlan _plan;

    public BatchBuilder(IReadOnlyList<Sample> samples, ClassSet classes, CropOptions options, long cacheBytes)
    {
        (_classes, _options) = (classes, options);
        _cache = new SampleCache(samples, classes, cacheBytes);
        _plan = new CropPlan(samples.Count, options);
    }

    public TrainingBatch Build(long step, CancellationToken cancellation)
    {
        (int begin, int end) = _options.OwnImages ?? (0, _options.BatchSize);
        int n = end - begin;
        Size2 crop = _options.Crop;
        Size2 label = _options.LabelSize;
        int imageLength = crop.Height * crop.Width * 3;
        int labelLength = label.Height * label.Width;
        float[] images = new float[n * imageLength];
        byte[] labels = new byte[n * labelLength];
        string[] names = new string[n];
        for (int k = 0; k < n; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            long draw = (step * _options.BatchSize) + begin + k;
            int index = _plan.SampleOf(draw);
            DecodedSample sample = Scaled(_cache.Get(index), draw, _cache.NameOf(index));
            names[k] = _cache.NameOf(index);
            (int top, int left, bool mirror) = _plan.PlacementOf(draw, new Size2(sample.Image.Height, sample.Image.Width));
            int margin = _options.Margin;
            Span<float> image = images.AsSpan(k * imageLength, imageLength);
            ImageTensor.CopyWindow(sample.Image, _classes.MeanBgr, top - margin, left - margin, crop, mirror, image);
            _options.Jitter?.Apply(image, _classes.MeanBgr, _plan.ColorsOf(draw));
            CopyLabels(sample.Mask, top, left, mirror, labels.AsSpan(k * labelLength, labelLength));
        }

        return new TrainingBatch
        {
            Images = images,
            N = n,
            H = crop.Height,
            W = crop.Width,
            Labels = labels,
            LabelHeight = label.Height,
            LabelWidth = label.Width,
            Names = names,
        };
    }

    private DecodedSample Scaled(DecodedSample sample, long draw, string name)
    {
        Size2 size = _plan.SizeOf(draw, new Size2(sample.Image.Height, sample.Image.Width));
        return (long)size.Height * size.Width * 3 <= Array.MaxLength
            ? Resampling.To(size, sample)
            : throw new UserInputException($"The image {name} scaled to {size} (height×width) is too large for memory; scale by less (--scale).");
    }

    private void CopyLabels(IndexMask mask, int top, int left, bool mirror, Span<byte> target)
    {
        Size2 size = _options.LabelSize;
        int step = _options.Labels == LabelResolution.Full ? 1 : _options.Stride;
        int lastColumn = _options.Interior.Width - 1;
        for (int i = 0; i < size.Height; i++)
        {
            int y = top + (step * i);
            for (int j = 0; j < size.Width; j++)
            {
                int x = left + (mirror ? lastColumn - (step * j) : step * j);
                bool inside = (uint)y < (uint)mask.Height && (uint)x < (uint)mask.Width;
                target[(i * size.Width) + j] = inside ? mask.Indices[(y * mask.Width) + x] : (byte)_classes.VoidLabel;
            }
        }
    }
}
