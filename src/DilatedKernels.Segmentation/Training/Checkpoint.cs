using System.Globalization;
using System.Text.Json;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// A run's state in one safetensors file: the model under its own parameter names, the optimizer's state under
/// <c>optimizer/…</c>, and the step in the metadata. Batches and dropout are functions of (seed, step), so the step is
/// all that a resumed run needs to draw what an unbroken one would have drawn.
/// </summary>
internal static class Checkpoint
{
    private const string StepKey = "training.step";
    private const string BestKey = "training.best_mean_iou";
    private const string ConfigKey = "training.config";

    public static void Save(string path, SegmentationModel model, Optimizer optimizer, TrainingConfig config, long step, double bestMeanIoU)
    {
        var metadata = new Dictionary<string, string>
        {
            [StepKey] = step.ToString(CultureInfo.InvariantCulture),
            [BestKey] = bestMeanIoU.ToString("R", CultureInfo.InvariantCulture),
            [ConfigKey] = JsonSerializer.Serialize(config, TrainingJson.Default.TrainingConfig),
        };
        ModelFile.Save(path, model, metadata, optimizer.States);
    }

    /// <summary>Puts the file's weights and optimizer state back.</summary>
    /// <exception cref="UserInputException">The file is not a checkpoint of this run.</exception>
    public static (long Step, double BestMeanIoU) Restore(string path, SegmentationModel model, Optimizer optimizer)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue(StepKey, out string? text)
            || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step))
        {
            throw new UserInputException($"{path} is not a training checkpoint: it has no {StepKey} in its metadata.");
        }

        ModelFile.LoadWeights(path, model);
        foreach ((string name, Tensor state) in optimizer.States)
        {
            string entry = ModelFile.StatePrefix + name;
            if (!file.Contains(entry))
            {
                throw new UserInputException($"{path} lacks the optimizer state {entry}; it belongs to a run with another optimizer.");
            }

            float[] values = file.Read(entry).Values;
            if (values.Length != state.Shape.Count)
            {
                throw new UserInputException($"{path}: {entry} has {values.Length} values, but this run needs {state.Shape.Count}.");
            }

            state.SetArray(values);
        }

        optimizer.StepCount = step;
        double best = double.Parse(file.Metadata.GetValueOrDefault(BestKey, "NaN"), CultureInfo.InvariantCulture);
        return (step, best);
    }
}
