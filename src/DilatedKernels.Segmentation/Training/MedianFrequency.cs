using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Median frequency balancing (Eigen and Fergus 2015): the weight of a class is the median of all classes' frequencies divided by its own, where the
/// frequency of a class is the number of its pixels divided by the number of pixels of the images in which it occurs. Rare classes count more, frequent ones less.
/// </summary>
public static class MedianFrequency
{
    /// <summary>The weights of a dataset's classes. A class without a pixel has the weight 0 and is not counted for the median.</summary>
    /// <param name="report">What a check of the training split found.</param>
    /// <exception cref="UserInputException">No class has a pixel.</exception>
    public static IReadOnlyList<double> Weights(DatasetReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        double[] frequencies = [.. report.ClassPixels.Zip(report.ClassImagePixels, (own, all) => all == 0 ? 0 : (double)own / all)];
        double[] present = [.. frequencies.Where(frequency => frequency > 0).Order()];
        if (present.Length == 0)
        {
            throw new UserInputException($"The split \"{report.Split}\" has no labelled pixel, so no class has a frequency to be weighted by.");
        }

        double median = (present[(present.Length - 1) / 2] + present[present.Length / 2]) / 2;
        return [.. frequencies.Select(frequency => frequency > 0 ? median / frequency : 0)];
    }
}
