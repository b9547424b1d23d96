using DilatedKernels.Distributed;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Opens the source of a run's steps. In a group, each process reads the images of its own parts only.</summary>
internal static class StepSources
{
    public static IStepSource Open(
        TrainingConfig config, RunFolder folder, SegmentationModel model, IReadOnlyList<Sample> samples, ClassSet classes, ProcessGroup? group, Ending ending, Action<int, int>? preparation)
    {
        (int begin, int end) = RecordedStep.ShareOf(group, config.Accumulate ?? 1);
        (int Begin, int End) own = (begin * config.BatchSize, end * config.BatchSize);
        if (config.Recipe == Recipe.Context && config.ScoreMaps == ScoreMaps.Stored)
        {
            var store = new ScoreMapStore(folder.ScoreMapFolder);
            store.Fill(new Predictor(model), samples, classes, model.Stride, config.Labels, config.Mirror, preparation, ending, group);
            return new ScoreMapStepSource(store, samples.Count, config.Mirror, config.StepImages, MapCells(config, store, samples.Count), classes.VoidLabel, config.Seed) { OwnImages = own };
        }

        IReadOnlyList<double> mean = model.Config.MeanBgr;
        var loader = new BatchLoader(
            samples, classes with { MeanBgr = (mean[0], mean[1], mean[2]) }, TrainingSetup.CropOptionsOf(config, config.Crop!.Value) with { OwnImages = own });
        return new CropStepSource(loader);
    }

    private static Size2 MapCells(TrainingConfig config, ScoreMapStore store, int samples)
    {
        if (config.Crop is { } crop)
        {
            return TrainingSetup.CropOptionsOf(config, crop).Cells;
        }

        var cells = new Size2(1, 1);
        for (int i = 0; i < samples; i++)
        {
            Size2 map = store.SizeOf(i);
            cells = new Size2(Math.Max(cells.Height, map.Height), Math.Max(cells.Width, map.Width));
        }

        return cells;
    }
}
