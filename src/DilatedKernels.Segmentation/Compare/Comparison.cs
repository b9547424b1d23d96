using System.Diagnostics;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>What a comparison tells while it runs.</summary>
public interface ICompareProgress
{
    /// <summary>A step of training.</summary>
    /// <param name="stage">The system and seed.</param>
    /// <param name="progress">The step.</param>
    void Training(string stage, TrainingProgress progress);

    /// <summary>Images done of a stage without steps.</summary>
    /// <param name="stage">The system, the seed and what is done.</param>
    /// <param name="done">Images done.</param>
    /// <param name="all">Images in all.</param>
    void Images(string stage, int done, int all);
}

/// <summary>
/// Trains several systems from random weights on the same data with the same budget and several seeds, and scores them, without and with a CRF. Everything that is
/// finished is kept in the folder, so that the same call goes on where it was interrupted.
/// </summary>
public sealed class Comparison
{
    private readonly CompareConfig _config;
    private readonly Device _device;
    private readonly ICompareProgress _progress;
    private readonly CompareFolder _folder;
    private readonly DatasetFolder _data;
    private readonly IReadOnlyList<Sample> _samples;
    private readonly HashSet<Sample> _pictured;
    private readonly DenseCrf? _crf;

    private Comparison(CompareConfig config, string folder, Device device, int crfThreads, int pictures, ICompareProgress progress, CancellationToken cancellation)
    {
        _config = config;
        _device = device;
        _progress = progress;
        _data = DatasetFolder.Open(config.Data);
        foreach (string split in (string[])[config.TrainingSplit, config.ValidationSplit])
        {
            DatasetReport report = DatasetChecker.Check(_data, split, cancellationToken: cancellation);
            report.ThrowIfUnusable();
            if (split == config.ValidationSplit)
            {
                CrfSize.Check(config.Crf?.Kernel, report);
            }
        }

        _samples = _data.Split(config.ValidationSplit);
        _pictured = [.. Enumerable.Range(0, Math.Min(pictures, _samples.Count)).Select(i => _samples[(int)((long)i * _samples.Count / pictures)])];
        _crf = config.Crf is null ? null : new DenseCrf(config.Crf, device, crfThreads);
        foreach (ComparedSystem system in Systems)
        {
            Check(system);
        }

        _folder = CompareFolder.Open(folder, config, DataFingerprint.Of(_data.Split(config.TrainingSplit)), DataFingerprint.Of(_samples));
    }

    private IEnumerable<ComparedSystem> Systems => _config.Systems.Select(ComparedSystem.Parse);

    /// <summary>Trains and scores what has not been yet, and writes <c>table.md</c>, <c>compare.json</c> and <c>pictures/</c>.</summary>
    /// <param name="config">What to compare.</param>
    /// <param name="folder">A new folder, or that of the same comparison, interrupted.</param>
    /// <param name="device">Where to train and predict.</param>
    /// <param name="progress">Told about every step.</param>
    /// <param name="pictures">How many images to show side by side, spread over the split; 0 or more. A score that is kept from a call that showed others is white there.</param>
    /// <param name="withPhotographs">Whether the pictures show the image beside the masks.</param>
    /// <param name="crfThreads">Threads for what the processor does of the CRF, or 0 for those of the device.</param>
    /// <param name="cancellation">Ends the comparison at the next step or image.</param>
    /// <exception cref="UserInputException">Configuration, dataset or folder cannot be used; the message says why.</exception>
    /// <exception cref="TrainingDivergedException">A run's numbers went wrong; the message says where.</exception>
    /// <exception cref="OperationCanceledException">It was interrupted; the folder keeps what was done.</exception>
    public static CompareResult Run(
        CompareConfig config, string folder, Device device, ICompareProgress progress, int pictures = 8, bool withPhotographs = true, int crfThreads = 0,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(progress);
        ArgumentOutOfRangeException.ThrowIfNegative(pictures);
        config.Validate();
        var comparison = new Comparison(config, folder, device, crfThreads, pictures, progress, cancellation);
        CompareResult result = comparison.Run(cancellation);
        CompareReport.Write(result, comparison._folder.FileOf("table.md"), comparison._folder.FileOf("compare.json"));
        comparison.DrawPictures(withPhotographs);
        return result;
    }

    // What training would refuse after hours.
    private void Check(ComparedSystem system)
    {
        try
        {
            TrainingConfig run = _config.TrunkRun(system, _data.Classes, seed: 1);
            run.Validate();
            TrainingSetup.CheckCrop(run);
            if (system.Context is not null)
            {
                _config.ContextRun(system, _data.Classes, seed: 1, weights: "").Validate();
            }

            if (_config.CrfRnnSteps > 0)
            {
                run = _config.CrfRnnRun(system, _data.Classes, seed: 1, weights: "");
                run.Validate();
                TrainingSetup.CheckCrop(run);
            }
        }
        catch (UserInputException exception)
        {
            throw new UserInputException($"{system.Name}: {exception.Message}", exception);
        }
    }

    private CompareResult Run(CancellationToken cancellation)
    {
        var scores = new List<CompareScore>();
        foreach (ComparedSystem system in Systems)
        {
            foreach (ulong seed in _config.Seeds)
            {
                KeptScore kept = _folder.Score(system.Name, seed, _data.Classes.Count) ?? TrainAndScore(system, seed, cancellation);
                if (_crf is not null && kept.Refined is null)
                {
                    throw new UserInputException($"The score of {system.Name} with seed {seed} has no CRF; delete it to have it computed again.");
                }

                double seconds = kept.TrainingSeconds ?? double.NaN;
                scores.Add(new CompareScore(system, seed, Refinement.None, ConfusionMatrix.FromCounts(_data.Classes.Count, kept.Plain), seconds));
                if (kept.Refined is { } refined)
                {
                    scores.Add(new CompareScore(system, seed, Refinement.Crf, ConfusionMatrix.FromCounts(_data.Classes.Count, refined), seconds));
                }

                if (_config.CrfRnnSteps > 0)
                {
                    string name = system.Name + CompareFolder.Ending(Refinement.CrfRnn);
                    KeptScore joint = _folder.Score(name, seed, _data.Classes.Count) ?? TrainAndScoreCrfRnn(system, name, seed, kept.TrainingSeconds, cancellation);
                    scores.Add(new CompareScore(
                        system, seed, Refinement.CrfRnn, ConfusionMatrix.FromCounts(_data.Classes.Count, joint.Plain), joint.TrainingSeconds ?? double.NaN));
                }
            }
        }

        return new CompareResult(
            _config, _data.Classes, scores,
            [.. Systems.Select(system => new Architecture(system.Network(_config, _data.Classes)).Parameters.Sum(parameter => parameter.Shape.Count))]);
    }

    private KeptScore TrainAndScore(ComparedSystem system, ulong seed, CancellationToken cancellation)
    {
        (string checkpoint, double? seconds) = Train(system with { Context = null }, seed, cancellation);
        if (system.Context is not null)
        {
            TrainingConfig run = _config.ContextRun(system, _data.Classes, seed, Path.GetFullPath(checkpoint));
            (checkpoint, double? more) = Train(system.Name, run, cancellation);
            seconds += more;
        }

        KeptScore score = Score(system, Refinement.None, seed, checkpoint, seconds, cancellation);
        _folder.Keep(system.Name, seed, score);
        return score;
    }

    // The system's own checkpoint is that of its last stage.
    private KeptScore TrainAndScoreCrfRnn(ComparedSystem system, string name, ulong seed, double? before, CancellationToken cancellation)
    {
        string weights = Path.GetFullPath(Path.Combine(_folder.RunOf(system.Name, seed), "last.safetensors"));
        (string checkpoint, double? seconds) = Train(name, _config.CrfRnnRun(system, _data.Classes, seed, weights), cancellation);
        KeptScore score = Score(system, Refinement.CrfRnn, seed, checkpoint, seconds + before, cancellation);
        _folder.Keep(name, seed, score);
        return score;
    }

    private (string Checkpoint, double? Seconds) Train(ComparedSystem trunk, ulong seed, CancellationToken cancellation) =>
        Train(trunk.Name, _config.TrunkRun(trunk, _data.Classes, seed), cancellation);

    // A run that is complete is not touched; its time is with its score, or beside its checkpoint.
    private (string Checkpoint, double? Seconds) Train(string name, TrainingConfig run, CancellationToken cancellation)
    {
        string folder = _folder.RunOf(name, run.Seed);
        string last = Path.Combine(folder, "last.safetensors");
        string time = Path.Combine(folder, "seconds.txt");
        bool exists = File.Exists(Path.Combine(folder, "config.json"));
        if (exists && File.Exists(last) && Checkpoint.StepOf(last) == run.Steps)
        {
            return (last, File.Exists(time) && FileSize.Of(time) is > 0 and < 100 && double.TryParse(File.ReadAllText(time), System.Globalization.CultureInfo.InvariantCulture, out double seconds) ? seconds : null);
        }

        string stage = $"{name} seed {run.Seed}";
        long started = Stopwatch.GetTimestamp();
        using Trainer trainer = exists ? Trainer.Resume(folder, _device, cancellation: cancellation) : Trainer.Start(run, folder, _device, cancellation: cancellation);
        TrainingResult result = trainer.Run(
            progress => _progress.Training(stage, progress), (done, all) => _progress.Images($"{stage} score maps", done, all), cancellation);
        if (!result.IsComplete)
        {
            throw new OperationCanceledException(cancellation);
        }

        if (exists)
        {
            return (last, null);
        }

        double elapsed = Stopwatch.GetElapsedTime(started).TotalSeconds;
        AtomicFile.Write(time, System.Text.Encoding.ASCII.GetBytes(elapsed.ToString("F1", System.Globalization.CultureInfo.InvariantCulture)));
        return (last, elapsed);
    }

    private KeptScore Score(ComparedSystem system, Refinement trained, ulong seed, string checkpoint, double? seconds, CancellationToken cancellation)
    {
        using SegmentationModel model = ModelFile.Load(checkpoint, _device, _config.Precision);
        var predictor = new Predictor(model);
        DenseCrf? crf = trained == Refinement.None ? _crf : null;
        ConfusionMatrix? refined = crf is null ? null : new ConfusionMatrix(_data.Classes.Count);
        bool shown = seed == _config.Seeds[0];
        ConfusionMatrix plain = Evaluator.Run(predictor, _samples, _data.Classes, (done, sample, mask) =>
        {
            if (crf is not null)
            {
                (RgbImage image, IndexMask truth) = Evaluator.Read(sample);
                IndexMask sharp = crf.Refine(image, predictor.Probabilities(image, cancellation: cancellation), cancellation).ArgMax();
                refined!.Add(truth, sharp, _data.Classes.VoidLabel);
                Keep(sample, sharp, Refinement.Crf);
            }

            Keep(sample, mask, trained);
            _progress.Images($"{system.Name}{CompareFolder.Ending(trained)} seed {seed} scored", done, _samples.Count);
        }, cancellation);
        return new KeptScore(seconds, CompareFolder.Counts(plain), refined is null ? null : CompareFolder.Counts(refined));

        void Keep(Sample sample, IndexMask mask, Refinement refinement)
        {
            if (shown && _pictured.Contains(sample))
            {
                MaskFile.Write(_folder.MaskOf(system.Name, refinement, sample.Name), mask, _data.Classes.Palette);
            }
        }
    }

    private void DrawPictures(bool withPhotographs)
    {
        foreach (Sample sample in _pictured)
        {
            (RgbImage image, IndexMask truth) = Evaluator.Read(sample);
            var columns = new List<RgbImage>();
            if (withPhotographs)
            {
                columns.Add(image);
            }

            columns.Add(SideBySide.Colors(truth, _data.Classes.Palette));
            foreach ((string system, Refinement refinement) in CompareReport.Rows(_config))
            {
                // Its score may have been kept by an earlier call that showed other images.
                string path = _folder.MaskOf(system, refinement, sample.Name);
                columns.Add(File.Exists(path) ? SideBySide.Colors(MaskFile.Read(path), _data.Classes.Palette) : SideBySide.Blank(image));
            }

            PngWriter.Write(_folder.PictureOf(sample.Name), SideBySide.Join(columns));
        }
    }
}
