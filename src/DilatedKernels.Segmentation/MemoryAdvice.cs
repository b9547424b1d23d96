using System.Globalization;
using DilatedKernels.Cuda;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation;

/// <summary>What would fit, where a device has no memory left. Estimates from the sizes of a network's maps: rather too small a batch than one that fails again.</summary>
internal static class MemoryAdvice
{
    // The rest is for alignment, for a convolution's partial sums, and for other programs.
    private const double UsableShare = 0.85;

    /// <summary>Whether a failure is a want of memory, on whatever device.</summary>
    public static bool IsFor(Exception error) => error is OutOfMemoryException or CudaException { Code: CudaException.OutOfMemory };

    /// <summary>The failure of a training step, with the batch or crop that would fit.</summary>
    /// <param name="error">The failure.</param>
    /// <param name="config">The run.</param>
    /// <param name="freeBytes">What is free on the device now that the step has given everything back.</param>
    public static Exception ForTraining(Exception error, TrainingConfig config, long freeBytes) =>
        Explain(error, $"{Free(freeBytes)} is free without the step. {WhatFits(config, freeBytes)}");

    /// <summary>The failure of a prediction, with the tile or image that would fit.</summary>
    /// <param name="error">The failure.</param>
    /// <param name="model">The network.</param>
    /// <param name="cells">Cells along the longer side of the largest tile.</param>
    /// <param name="image">The image's size.</param>
    /// <param name="freeBytes">What is free on the device now that the prediction has given everything back.</param>
    public static Exception ForPrediction(Exception error, SegmentationModel model, int cells, Size2 image, long freeBytes) =>
        Explain(error, $"{Free(freeBytes)} is free without the prediction. {WhatFits(model, cells, image, freeBytes)}");

    /// <summary>The failure of a prediction of an enlarged image, which may fit as it is.</summary>
    /// <param name="error">The failure.</param>
    /// <param name="scale">The scale.</param>
    /// <param name="image">The image's size at that scale.</param>
    public static Exception AtScale(Exception error, double scale, Size2 image) =>
        Explain(error, string.Create(CultureInfo.InvariantCulture, $"This was the image at scale {scale}, {image.Width}×{image.Height} (width×height); smaller scales (--scales) need less."));

    /// <summary>About what a training step takes beside parameters and optimizer: the maps, the two largest gradients at a time, those of the parameters, and its input.</summary>
    public static long StepBytes(TrainingConfig config, Size2 crop, int batch)
    {
        // The cross-entropy enlarges scores without memory for them.
        bool enlarges = (config.Loss?.Kind ?? LossKind.CrossEntropy) != LossKind.CrossEntropy;
        ModelSummary summary = ModelSummary.Of(enlarges ? config.Model : config.Model with { UpsampleInNetwork = false }, crop, batch);
        int size = config.Precision == ElementType.BFloat16 ? 2 : 1;
        long maps = summary.TrainingActivationBytes + (2 * summary.Layers.Max(layer => layer.ActivationBytes));
        // Pooling keeps which position won: a byte a value.
        long winners = summary.Layers.Where(layer => layer.Kind.Contains("pool", StringComparison.Ordinal)).Sum(layer => layer.ActivationBytes) / sizeof(float);
        long labels = (long)(crop.Height - (2 * summary.Margin)) * (crop.Width - (2 * summary.Margin));
        long fullScores = enlarges && config.Labels == LabelResolution.Full ? batch * labels * summary.Output.C * sizeof(float) : 0;
        long ends = ((size == 2 ? 3 : 1) * summary.Input.Count * sizeof(float)) + (2 * summary.Output.Count * sizeof(float)) + (3 * fullScores);
        // The batches of a step that wait for their turn, and the Dice loss's probabilities and their gradient.
        long waiting = ((config.Accumulate ?? 1) - 1L) * summary.Input.Count * sizeof(float);
        long dice = config.Loss?.Kind is LossKind.Dice or LossKind.CrossEntropyAndDice ? 2 * Math.Max(fullScores, summary.Output.Count * sizeof(float)) : 0;
        return (maps / size) + winners + ends + waiting + dice + summary.ParameterBytes;
    }

    private static string WhatFits(TrainingConfig config, long freeBytes)
    {
        if (config.Crop is not { } crop)
        {
            return "A smaller batch (--batch) or a crop of the maps (--crop) needs less.";
        }

        for (int batch = config.BatchSize - 1; batch >= 1; batch--)
        {
            if (Fits(crop, batch))
            {
                return $"By estimate a batch of {batch} would fit (--batch {batch}).";
            }
        }

        int stride = new Architecture(config.Model).Stride;
        for (Size2 smaller = Less(crop); smaller.Height > 0 && smaller.Width > 0; smaller = Less(smaller))
        {
            try
            {
                if (Fits(smaller, 1))
                {
                    return $"By estimate one crop of {smaller} would fit (--batch 1 --crop {(smaller.Height == smaller.Width ? smaller.Height : $"{smaller.Height}x{smaller.Width}")}).";
                }
            }
            catch (ArgumentException)
            {
                // Smaller than the network's smallest input.
                break;
            }
        }

        return "By estimate not even the smallest crop would fit; a narrower network (--width) or bfloat16 (--precision) needs less.";

        bool Fits(Size2 size, int batch) => StepBytes(config, size, batch) <= UsableShare * freeBytes;

        Size2 Less(Size2 size) => new(size.Height - stride, size.Width - stride);
    }

    private static string WhatFits(SegmentationModel model, int cells, Size2 image, long freeBytes)
    {
        ModelConfig config = model.Config;
        int size = model.ComputeType == ElementType.BFloat16 ? 2 : 1;
        if (config.IsPadded)
        {
            int side = Math.Max(image.Height, image.Width);
            while (side > 1 && ModelSummary.Of(config, side).InferenceActivationBytes / size > UsableShare * freeBytes)
            {
                side -= Math.Max(1, side / 16);
            }

            return $"{config.Name} sees an image whole: by estimate one of {side}×{side} pixels would fit (--window {side}).";
        }

        ModelConfig frontEnd = config with { Context = null, UpsampleInNetwork = false };
        int tile = cells;
        while (tile > 1 && Need(tile) > UsableShare * freeBytes)
        {
            tile--;
        }

        return tile < cells
            ? $"By estimate tiles of {tile} cells would fit (--tile {tile})."
            : "Tiles of this size would fit, but not what comes after them, which sees the image whole: predict a smaller image, or in windows (--window).";

        long Need(int side)
        {
            ModelSummary summary = ModelSummary.Of(frontEnd, (side * model.Stride) + (2 * model.Margin));
            return (summary.Input.Count * sizeof(float)) + (summary.InferenceActivationBytes / size);
        }
    }

    private static Exception Explain(Exception error, string advice) =>
        error is CudaException failure ? failure.WithDetail(advice) : new InsufficientMemoryException($"{error.Message} {advice}", error);

    internal static string Free(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):0.0} MiB");
}
