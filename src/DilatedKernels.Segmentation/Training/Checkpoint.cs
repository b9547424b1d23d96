using System.Globalization;
using System.Text.Json;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Where a run stands, apart from weights and optimizer state.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="BestMeanIoU">The best validation so far, or NaN.</param>
/// <param name="UnreportedLoss">The loss of the last step when the run was interrupted before its validation and report, else null.</param>
/// <param name="Data">The fingerprint of the training split.</param>
/// <param name="SinceBest">Validations since the best.</param>
/// <param name="Validation">The fingerprint of the split that is validated; null in a checkpoint that does not say.</param>
internal sealed record RunState(long Step, double BestMeanIoU, float? UnreportedLoss, string Data, int SinceBest, string? Validation);

/// <summary>
/// A run's state in one safetensors file: the model under its own parameter names, the optimizer's state under
/// <c>optimizer/…</c>, and <see cref="RunState"/> in the metadata. Batches and dropout are functions of (seed, step), so the
/// step is all that a resumed run needs to draw what an unbroken one would have drawn.
/// </summary>
internal static class Checkpoint
{
    private const string StepKey = "training.step";
    private const string BestKey = "training.best_mean_iou";
    private const string UnreportedKey = "training.unreported_loss";
    private const string SinceBestKey = "training.validations_since_best";
    private const string DataKey = "training.data";
    private const string ValidationKey = "training.validation_data";
    private const string ConfigKey = "training.config";

    public static void Save(string path, SegmentationModel model, Optimizer optimizer, TrainingConfig config, RunState state)
    {
        var metadata = new Dictionary<string, string>
        {
            [StepKey] = state.Step.ToString(CultureInfo.InvariantCulture),
            [BestKey] = state.BestMeanIoU.ToString("R", CultureInfo.InvariantCulture),
            [DataKey] = state.Data,
            [SinceBestKey] = state.SinceBest.ToString(CultureInfo.InvariantCulture),
            [ValidationKey] = state.Validation ?? "",
            [ConfigKey] = JsonSerializer.Serialize(config, TrainingJson.Default.TrainingConfig),
        };
        if (state.UnreportedLoss is { } loss)
        {
            metadata[UnreportedKey] = loss.ToString("R", CultureInfo.InvariantCulture);
        }

        ModelFile.Save(path, model, metadata, optimizer.States);
    }

    /// <summary>The steps that a checkpoint has behind it, or null where the file is none.</summary>
    public static long? StepOf(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.Metadata.TryGetValue(StepKey, out string? text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step) ? step : null;
    }

    /// <summary>The configuration of the run that wrote a checkpoint; null where it is not known, as in a file of another version.</summary>
    public static TrainingConfig? ConfigOf(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        try
        {
            return file.Metadata.TryGetValue(ConfigKey, out string? text) ? JsonSerializer.Deserialize(text, TrainingJson.Default.TrainingConfig) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Puts the file's weights and optimizer state back.</summary>
    /// <exception cref="UserInputException">The file is not a checkpoint of this run.</exception>
    /// <exception cref="SafetensorsException">The file is damaged or holds other arrays than the model has.</exception>
    public static RunState Restore(string path, SegmentationModel model, Optimizer optimizer)
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
        return new RunState(
            step,
            Number(BestKey) ?? double.NaN,
            (float?)Number(UnreportedKey),
            file.Metadata.GetValueOrDefault(DataKey, ""),
            (int)(Number(SinceBestKey) ?? 0),
            file.Metadata.GetValueOrDefault(ValidationKey));

        double? Number(string key) =>
            file.Metadata.TryGetValue(key, out string? value) && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : null;
    }
}
