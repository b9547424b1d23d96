using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Report;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Serialization;

namespace DilatedKernels.Cli.Output;

/// <summary>What can be done after a verb, as a command; null where nothing is certain to work.</summary>
internal static class NextStep
{
    /// <summary>After predictions: the score on the dataset that the network was trained on, where that is still there; else for other programs.</summary>
    public static string? AfterPredict(string checkpoint) => Evaluation(checkpoint, Configuration(checkpoint)) ?? AfterEval(checkpoint);

    /// <summary>After a score: the network for other programs, in a file that is not there yet.</summary>
    public static string? AfterEval(string checkpoint)
    {
        string target = Path.ChangeExtension(checkpoint, ".onnx");
        return Path.Exists(target) || Configuration(checkpoint)?.Model.Crf is not null ? null : Suggestion.Of("export", checkpoint, "--format", "onnx", "--out", target);
    }

    /// <summary>After a page: the best network's score.</summary>
    public static string? AfterReport(IReadOnlyList<string> runs)
    {
        RunData best = RunData.Read(runs).MaxBy(run => run.Best?.MeanIoU ?? double.NegativeInfinity)!;
        string checkpoint = Path.Combine(best.Folder, "best.safetensors");
        return File.Exists(checkpoint) ? Evaluation(checkpoint, best.Config) : null;
    }

    private static string? Evaluation(string checkpoint, TrainingConfig? config)
    {
        if (config?.ValidationSplit is not { } split)
        {
            return null;
        }

        try
        {
            if (!DatasetFolder.Open(config.Data).Splits.Contains(split))
            {
                return null;
            }
        }
        catch (UserInputException)
        {
            return null;
        }

        string data = WorkingFolder.Short(config.Data);
        return Suggestion.Of(split == "val" ? ["eval", checkpoint, data] : ["eval", checkpoint, data, "--split", split]);
    }

    private static TrainingConfig? Configuration(string checkpoint)
    {
        try
        {
            return Checkpoint.ConfigOf(checkpoint);
        }
        catch (SafetensorsException)
        {
            return null;
        }
    }
}
