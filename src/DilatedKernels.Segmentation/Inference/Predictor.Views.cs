using System.Globalization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Inference;

public sealed partial class Predictor
{
    // The views of a size are added before they are resized, so that an image and its mirror image get the same probabilities, mirrored.
    private ProbabilityMap Average(RgbImage image, CancellationToken cancellation, IProgress<PredictionProgress>? progress)
    {
        // A training step between two views would average two networks.
        using ParameterUse use = ParameterUse.Read(_model.Parameters);
        int classes = _model.Config.Classes;
        var whole = new Size2(image.Height, image.Width);
        CheckFits(image);
        int done = 0;
        float[]? sum = null;
        foreach (double scale in _views.Scales)
        {
            (long width, long height) = PredictionViews.SizeAt(image, scale);
            var size = new Size2((int)height, (int)width);
            float[] values = AtScale(scale, Bilinear.Resize(image, size.Width, size.Height), ViewDone, cancellation);
            if (sum is null && size == whole)
            {
                sum = values;
            }
            else
            {
                sum ??= new float[image.Width * image.Height * classes];
                Bilinear.Add(values, size, classes, sum, whole);
            }
        }

        float count = _views.Count;
        for (int i = 0; i < sum!.Length; i++)
        {
            sum[i] /= count;
        }

        return new ProbabilityMap(image.Width, image.Height, classes, sum);

        void ViewDone() => progress?.Report(new PredictionProgress(++done, _views.Count));
    }

    private float[] AtScale(double scale, RgbImage image, Action viewDone, CancellationToken cancellation)
    {
        float[] values = new float[image.Width * image.Height * _model.Config.Classes];
        try
        {
            AddProbabilities(image, mirrored: false, values, cancellation, progress: null);
            viewDone();
            if (_views.Flip)
            {
                AddProbabilities(image.Mirror(), mirrored: true, values, cancellation, progress: null);
                viewDone();
            }
        }
        catch (Exception e) when (scale > 1 && MemoryAdvice.IsFor(e))
        {
            throw MemoryAdvice.AtScale(e, scale, new Size2(image.Height, image.Width));
        }

        return values;
    }

    private void CheckFits(RgbImage image)
    {
        long values = Math.Max(3, _model.Config.Classes);
        double most = Math.Max(1, _views.Scales[^1]);
        (long width, long height) = PredictionViews.SizeAt(image, most);
        if (width * height * values > Array.MaxLength)
        {
            double fits = Math.Floor(Math.Sqrt(Array.MaxLength / ((double)image.Width * image.Height * values)) * 100) / 100;
            throw new UserInputException(string.Create(
                CultureInfo.InvariantCulture,
                $"At scale {most} an image of {image.Width}×{image.Height} (width×height) is {width}×{height}, whose pixels times {values} values do not fit one array; {(fits > 1 ? $"scales up to {fits} do." : "predict a smaller image.")}"));
        }
    }
}
