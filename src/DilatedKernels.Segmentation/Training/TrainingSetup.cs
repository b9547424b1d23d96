using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

/// <summary>What is checked and loaded before a run begins or goes on. Every error is a <see cref="UserInputException"/>.</summary>
internal static class TrainingSetup
{
    /// <summary>Refuses a step that cannot be shared out.</summary>
    public static void CheckProcesses(TrainingConfig config, ProcessGroup? group, bool isResumed = false)
    {
        int parts = config.Accumulate ?? 1;
        if (group?.Size > parts)
        {
            string advice = isResumed ? $"The run keeps its {parts}: start {(parts == 1 ? "one process" : $"at most {parts} processes")}."
                : $"Let a step accumulate {group.Size} or more (--accumulate), of fewer images each (--batch), or start fewer processes.";
            throw new UserInputException($"{group.Size} processes cannot share a step of {parts} batch{(parts == 1 ? "" : "es")}: each computes one or more. {advice}");
        }
    }

    /// <summary>The dataset, whose splits are checked whole.</summary>
    public static DatasetFolder OpenData(TrainingConfig config, CancellationToken cancellation, out DatasetReport training)
    {
        DatasetFolder data = DatasetFolder.Open(config.Data);
        if (data.Classes.Names.Count != config.Model.Classes)
        {
            throw new UserInputException($"The model has {config.Model.Classes} classes, but the dataset {config.Data} has {data.Classes.Names.Count}.");
        }

        training = DatasetChecker.Check(data, config.TrainingSplit, cancellationToken: cancellation);
        training.ThrowIfUnusable();
        if (config.ValidationSplit is { } split)
        {
            DatasetReport report = DatasetChecker.Check(data, split, cancellationToken: cancellation);
            report.ThrowIfUnusable();
            CrfSize.Check(config.Model.Crf?.Kernel, report);
        }

        return data;
    }

    /// <summary>The configuration with the class weights that the training split gives, where it asks for them.</summary>
    public static TrainingConfig WithClassWeights(TrainingConfig config, DatasetReport training) =>
        config.Loss is { Weighting: ClassWeighting.MedianFrequency, ClassWeights: null } loss
            ? config with { Loss = loss with { ClassWeights = MedianFrequency.Weights(training) } }
            : config;

    /// <summary>Loads weights to start from; returns the parameters that they have not.</summary>
    public static IReadOnlyList<string> LoadWeights(string path, SegmentationModel model, Recipe recipe)
    {
        if (!File.Exists(path))
        {
            throw new UserInputException($"The weights {path} do not exist.");
        }

        WeightLoadReport report = ModelFile.LoadMatching(path, model);
        ModelFile.CheckFinite(path, model.Parameters);
        // A finer FCN starts from a coarser one, and any FCN or DeepLab from VGG-16: what comes after its convolutions may be new, if it is to learn.
        bool isWhole = !model.IsPadded || recipe == Recipe.Context;
        if (model.FrontEnd!.Parameters.FirstOrDefault(
            p => report.Missing.Contains(p.Name) && (isWhole || p.Name.StartsWith("conv", StringComparison.Ordinal))) is { } missing)
        {
            string need = !model.IsPadded ? "weights to start from need the whole front end"
                : isWhole ? "the Context recipe trains the context module alone and needs the whole network before it; train that first (--recipe frontend)"
                : "weights to start from need all of VGG-16's convolutions";
            throw new UserInputException($"{path} has no '{missing.Name}': {need}.");
        }

        return report.Missing;
    }

    /// <summary>The configuration in which only fresh parameters learn.</summary>
    public static TrainingConfig WithFrozen(TrainingConfig config, SegmentationModel model, IReadOnlyList<string> fresh)
    {
        if (config.Weights is null)
        {
            throw new UserInputException("To train only what is fresh, name the weights that the rest comes from (--weights).");
        }

        return fresh.Count > 0
            ? config with { Frozen = [.. model.Parameters.Select(parameter => parameter.Name).Except(fresh)] }
            : throw new UserInputException($"There is nothing to train: {config.Weights} has every parameter of {config.Model.Name}.");
    }

    /// <summary>How crops of this size are cut for the network.</summary>
    public static CropOptions CropOptionsOf(TrainingConfig config, Size2 crop)
    {
        var architecture = new Architecture(config.Model);
        return new CropOptions
        {
            Crop = crop,
            Margin = architecture.Margin,
            Stride = architecture.Stride,
            Padded = config.Model.IsPadded,
            Mirror = config.Mirror,
            LeastScale = config.Augmentation?.LeastScale ?? 1,
            MostScale = config.Augmentation?.MostScale ?? 1,
            Jitter = config.Augmentation?.Jitter,
            Labels = config.Labels,
            Seed = config.Seed,
            BatchSize = config.StepImages,
        };
    }

    /// <summary>Refuses a crop that the network cannot be trained on.</summary>
    public static void CheckCrop(TrainingConfig config)
    {
        if (config.Crop is { } crop)
        {
            CropOptionsOf(config, crop).Validate();
            int margins = 2 * new Architecture(config.Model).Margin;
            CrfSize.Check(config.Model.Crf?.Kernel, new Size2(crop.Height - margins, crop.Width - margins), "the crop without its margins");
        }
        else if (config.Recipe != Recipe.Context || config.ScoreMaps == ScoreMaps.Live)
        {
            throw new UserInputException("Training on images needs a crop size.");
        }
    }
}
