using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>Scores a predictor on a split: one confusion matrix over the whole set, void pixels skipped.</summary>
public static class Evaluator
{
    /// <summary>Predicts every image of the split at its own resolution and counts.</summary>
    /// <param name="predictor">The predictor.</param>
    /// <param name="samples">Images with masks.</param>
    /// <param name="classes">The dataset's classes.</param>
    /// <param name="onImage">Called after every image with the number done, the sample and its predicted mask.</param>
    /// <param name="cancellation">Checked between images.</param>
    /// <exception cref="UserInputException">A mask is missing or does not fit its image.</exception>
    public static ConfusionMatrix Run(
        Predictor predictor, IReadOnlyList<Sample> samples, ClassSet classes, Action<int, Sample, IndexMask>? onImage = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(predictor);
        return Run(image => predictor.Predict(image, cancellation: cancellation), samples, classes, onImage, cancellation);
    }

    /// <summary>Predicts every image of the split in any way and counts.</summary>
    /// <param name="predict">Gives the mask of an image, of its size.</param>
    /// <param name="samples">Images with masks.</param>
    /// <param name="classes">The dataset's classes.</param>
    /// <param name="onImage">Called after every image with the number done, the sample and its predicted mask.</param>
    /// <param name="cancellation">Checked between images.</param>
    /// <exception cref="UserInputException">A mask is missing or does not fit its image.</exception>
    public static ConfusionMatrix Run(
        Func<RgbImage, IndexMask> predict, IReadOnlyList<Sample> samples, ClassSet classes, Action<int, Sample, IndexMask>? onImage = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(predict);
        ArgumentNullException.ThrowIfNull(samples);
        ArgumentNullException.ThrowIfNull(classes);
        var matrix = new ConfusionMatrix(classes.Names.Count);
        for (int i = 0; i < samples.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Sample sample = samples[i];
            (RgbImage image, IndexMask truth) = Read(sample);
            IndexMask prediction = predict(image);
            matrix.Add(truth, prediction, classes.VoidLabel);
            onImage?.Invoke(i + 1, sample, prediction);
        }

        return matrix;
    }

    /// <summary>Reads an image and its mask.</summary>
    /// <exception cref="UserInputException">The mask is missing or does not fit its image.</exception>
    internal static (RgbImage Image, IndexMask Truth) Read(Sample sample)
    {
        RgbImage image = ImageFile.Read(sample.ImagePath);
        IndexMask truth = sample.MaskPath is null ? throw new UserInputException($"{sample.ImagePath} has no mask to compare with.") : SampleReader.ReadMask(sample);
        if (truth.Width != image.Width || truth.Height != image.Height)
        {
            throw new UserInputException($"{sample.MaskPath} is {truth.Width}×{truth.Height}, but its image is {image.Width}×{image.Height}; they must be the same size.");
        }

        return (image, truth);
    }
}
