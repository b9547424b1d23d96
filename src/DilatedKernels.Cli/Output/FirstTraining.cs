using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Cli.Output;

/// <summary>A first training on a dataset that a processor ends in minutes, as a command: a narrow network from random weights.</summary>
internal static class FirstTraining
{
    // The front end looks 186 pixels past each border of what it labels, which is wasted on small images; DeepLab pads its maps instead.
    private const int SmallImage = 321;
    private const int Stride = 8;
    private const int BatchSize = 4;
    private const int Passes = 100;
    private const long MostSteps = 1600;

    public static string Of(string root, DatasetFolder data, IReadOnlyList<DatasetReport> reports)
    {
        DatasetReport training = reports.FirstOrDefault(report => report.Split == "train") ?? reports[0];
        bool hasValidation = data.Splits.Contains("val");
        List<string> arguments = ["train", root, "--run", Run(root)];
        arguments.AddRange(training.Split == "train" ? [] : ["--train-split", training.Split]);
        arguments.AddRange(hasValidation ? [] : ["--val-split", data.Splits.FirstOrDefault(split => split != training.Split) ?? "none"]);
        int side = training.ImageSizes.Max(size => Math.Max(size.Size.Height, size.Size.Width));
        if (side <= SmallImage)
        {
            arguments.AddRange(["--model", "deeplab-largefov", "--crop", Text((((side - 2) / Stride) * Stride) + Stride + 1)]);
        }

        long steps = Math.Clamp(Passes * ((training.SampleCount + BatchSize - 1) / BatchSize), 1, MostSteps);
        arguments.AddRange(["--width", "0.125", "--dropout", "0", "--steps", Text(steps)]);
        return Suggestion.Of([.. arguments]);
    }

    // A folder that is not there yet, beside the dataset or, where that has no name of its own, here.
    private static string Run(string root)
    {
        string full = Path.TrimEndingDirectorySeparator(root);
        string name = Path.GetFileName(full) is "" or "." or ".." ? "run" : full + "-run";
        string run = name;
        for (int i = 2; Path.Exists(run); i++)
        {
            run = string.Create(CultureInfo.InvariantCulture, $"{name}-{i}");
        }

        return run;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
