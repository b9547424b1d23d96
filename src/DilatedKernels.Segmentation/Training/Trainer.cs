using System.Diagnostics;
using DilatedKernels.Cuda;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Report;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Trains a network on a dataset folder and writes the run folder: configuration, metrics, last and best checkpoints.
/// Interrupting it at any step keeps what was done; resuming gives the same bits as a run that was never interrupted.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingConfig _config;
    private readonly RunFolder _folder;
    private readonly DatasetFolder _data;
    private readonly IReadOnlyList<Sample> _trainingSamples;
    private readonly IReadOnlyList<Sample> _validationSamples;
    private readonly SegmentationModel _model;
    private readonly Optimizer _optimizer;
    private readonly Module _network;
    private readonly string _fingerprint;
    private readonly FollowedImages _followed;
    private long _step;
    private double _bestMeanIoU = double.NaN;
    private float? _unreportedLoss;
    private int _sinceBest;
    private (long Step, float? UnreportedLoss)? _saved;
    private bool _isRunning;
    private volatile bool _isDisposed;

    private Trainer(TrainingConfig config, RunFolder folder, DatasetFolder data, SegmentationModel model)
    {
        _config = config;
        _folder = folder;
        _data = data;
        _trainingSamples = data.Split(config.TrainingSplit);
        _validationSamples = config.ValidationSplit is { } split ? data.Split(split) : [];
        _model = model;
        _network = config.Recipe switch
        {
            _ when model.Crf is not null => new RefinedScores(model),
            Recipe.FrontEnd => model.FrontEnd!,
            Recipe.Context when config.ScoreMaps == ScoreMaps.Stored => model.Context!,
            Recipe.Context => new LiveScoreMaps(model.FrontEnd!, model.Context!),
            _ => model,
        };
        _fingerprint = DataFingerprint.Of(_trainingSamples);
        _followed = new FollowedImages(folder.ValidationFolder, _validationSamples, config.FollowedImages, data.Classes);
        if (config.Recipe == Recipe.Context)
        {
            model.SetFrontEndTrainable(false);
        }

        foreach (Parameter parameter in model.Parameters.Where(p => config.Frozen?.Contains(p.Name) == true))
        {
            parameter.IsTrainable = false;
        }

        _optimizer = config.Optimizer.CreateOptimizer([.. _network.Parameters.Where(p => p.IsTrainable)]);
    }

    /// <summary>The run's configuration.</summary>
    public TrainingConfig Config => _config;

    /// <summary>The run's files.</summary>
    public RunFolder Folder => _folder;

    /// <summary>The dataset's classes.</summary>
    public ClassSet Classes => _data.Classes;

    /// <summary>An image that the run is not trained on, or one that it is where there is no other.</summary>
    internal string ExampleImage => (_validationSamples.Count > 0 ? _validationSamples : _trainingSamples)[0].ImagePath;

    /// <summary>The parameters that the weights to start from have not, and that therefore start afresh; none where the run starts without weights or resumes.</summary>
    public IReadOnlyList<string> Fresh { get; private init; } = [];

    /// <summary>Steps done.</summary>
    public long Step => _step;

    /// <summary>
    /// Whether every step looks at all its results and gradients and stops the run at the first that is not finite, naming the operator. Several times slower; the
    /// bits are the same. Without it, a loss that is not finite is looked into after the fact.
    /// </summary>
    public bool DetectAnomaly { get; set; }

    /// <summary>Starts a run. The dataset is checked whole before anything is written.</summary>
    /// <param name="config">What to train.</param>
    /// <param name="runFolder">A new or empty folder.</param>
    /// <param name="device">Where to train.</param>
    /// <param name="onlyFresh">
    /// Whether the parameters that the weights have keep their values, as when DeepLab's branches of several scales are added to a trained network (Chen et al.
    /// 2015, section 4.3).
    /// </param>
    /// <param name="cancellation">Ends the check of the dataset, which may take minutes; nothing is written then.</param>
    /// <exception cref="UserInputException">The configuration, the dataset, the weights or the folder cannot be used; the message says why.</exception>
    public static Trainer Start(TrainingConfig config, string runFolder, Device device, bool onlyFresh = false, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        DatasetFolder data = TrainingSetup.OpenData(config, cancellation, out DatasetReport training);
        config = TrainingSetup.WithClassWeights(config, training);
        SegmentationModel model = SegmentationModel.Create(device, config.Model, config.Seed, config.Precision);
        try
        {
            TrainingSetup.CheckCrop(config);
            IReadOnlyList<string> fresh = [];
            if (config.Weights is { } weights)
            {
                fresh = TrainingSetup.LoadWeights(weights, model, config.Recipe);
            }
            else if (config.Recipe == Recipe.Context)
            {
                throw new UserInputException("The context recipe trains on the score maps of a trained front end: name its checkpoint as the weights.");
            }

            config = onlyFresh ? TrainingSetup.WithFrozen(config, model, fresh) : config;
            RunFolder folder = RunFolder.Create(runFolder, config);
            try
            {
                return new Trainer(config, folder, data, model) { Fresh = fresh };
            }
            catch
            {
                folder.Discard();
                throw;
            }
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Continues a run from its last checkpoint.</summary>
    /// <param name="runFolder">The run's folder.</param>
    /// <param name="device">Where to train.</param>
    /// <param name="movedData">Where the dataset is now, if it has moved since the run began.</param>
    /// <param name="cancellation">Ends the check of the dataset; the run stays as it was.</param>
    /// <exception cref="UserInputException">There is no run, its dataset has gone or changed, or its checkpoint cannot be used.</exception>
    public static Trainer Resume(string runFolder, Device device, string? movedData = null, CancellationToken cancellation = default)
    {
        RunFolder folder = RunFolder.Open(runFolder, out TrainingConfig config);
        SegmentationModel? model = null;
        Trainer? trainer = null;
        try
        {
            config = movedData is null ? config : config with { Data = movedData };
            config.Validate();
            DatasetFolder data = TrainingSetup.OpenData(config, cancellation, out DatasetReport training);
            config = TrainingSetup.WithClassWeights(config, training);
            model = SegmentationModel.Create(device, config.Model, config.Seed, config.Precision);
            string? checkpoint = folder.NewestCheckpoint();
            if (config.Weights is { } weights && checkpoint is null)
            {
                TrainingSetup.LoadWeights(weights, model, config.Recipe);
            }

            trainer = new Trainer(config, folder, data, model);
            if (checkpoint is not null)
            {
                trainer.Restore(checkpoint);
            }

            return trainer;
        }
        catch
        {
            trainer?.Dispose();
            model?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Trains to the configured number of steps, until validations have stopped to get better where that is configured, or until cancelled; a cancelled run ends with a checkpoint of the step it reached.</summary>
    /// <param name="progress">Called after every step, on this thread.</param>
    /// <param name="preparation">Called while score maps are computed, with the number done and the number in all.</param>
    /// <param name="cancellation">Ends the run; a step that has begun is given up where the processor computes it, and done where a GPU does.</param>
    /// <exception cref="TrainingDivergedException">The loss or a weight became NaN or infinite; the message says where that began. No checkpoint holds such numbers.</exception>
    /// <exception cref="CudaException">
    /// The driver refused; for want of memory (<see cref="CudaException.OutOfMemory"/>) the message names a batch or crop that would fit. The last checkpoint is as it was.
    /// </exception>
    /// <exception cref="OutOfMemoryException">The processor's memory is used up; as above.</exception>
    /// <exception cref="IOException">The run folder cannot be written, because the disk is full or it may not be; the last checkpoint is as it was.</exception>
    /// <exception cref="UserInputException">A file of the dataset has gone or changed since the run began; as above.</exception>
    /// <exception cref="InvalidOperationException">It runs on another thread already.</exception>
    public TrainingResult Run(Action<TrainingProgress>? progress = null, Action<int, int>? preparation = null, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (Interlocked.Exchange(ref _isRunning, true))
        {
            throw new InvalidOperationException($"The training in {_folder.Path} runs already, on another thread; wait for it, or cancel it.");
        }

        try
        {
            return Train(progress, preparation, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException(Stopped(e), e);
        }
        catch (UserInputException e)
        {
            throw new UserInputException(Stopped(e), e);
        }
        finally
        {
            Volatile.Write(ref _isRunning, false);
        }
    }

    private TrainingResult Train(Action<TrainingProgress>? progress, Action<int, int>? preparation, CancellationToken cancellation)
    {
        float loss = float.NaN;
        double? seconds = null;
        string? reportProblem = null;
        try
        {
            using IStepSource source = OpenSource(preparation, cancellation);
            long reported = _unreportedLoss is null ? _step : _step - 1;
            using MetricsLog log = MetricsLog.Open(_folder, reported);
            FollowedImages.ForgetAfter(_folder.ValidationFolder, reported);
            seconds = log.SecondsBefore;
            if (_step == 0)
            {
                SaveLast();
            }

            LearningRateSchedule schedule = _config.Optimizer.CreateSchedule(_config.Steps);
            using var training = new TrainingStep(_model.Device, _network, _optimizer, schedule, _config.Seed, _data.Classes.VoidLabel, DetectAnomaly, _config.Loss)
            {
                Parts = _config.Accumulate ?? 1,
                ClipNorm = (float?)_config.Optimizer.ClipNorm,
            };
            var watch = new LossWatch(_data.Classes.Names.Count);
            var speed = new SpeedMeter(_config.StepImages);
            if (_unreportedLoss is { } interrupted)
            {
                loss = interrupted;
                Report(schedule, speed, log, watch, progress, cancellation);
            }

            while (_step < _config.Steps && !IsStale && !cancellation.IsCancellationRequested)
            {
                long started = Stopwatch.GetTimestamp();
                loss = RunStep(training, source, cancellation);
                _step++;
                speed.Add(Stopwatch.GetElapsedTime(started));
                _unreportedLoss = loss;
                Report(schedule, speed, log, watch, progress, cancellation);
                seconds = log.Seconds;
                if (_step % _config.CheckpointEvery == 0 && _step < _config.Steps)
                {
                    SaveLast();
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Interrupted inside a step, a validation or while maps were computed; the step reached so far is saved below.
        }

        SaveLast();
        if (File.Exists(_folder.MetricsFile))
        {
            CurvePlot.Write(_folder.MetricsFile, _folder.CurvesFile);
            // Interrupted before it went on, it took no more than the file says.
            if (seconds is { } took)
            {
                Facts(took).Write(_folder.FactsFile);
            }

            reportProblem = WriteReport();
        }

        return new TrainingResult(
            _step, IsComplete, loss, _bestMeanIoU, _folder.LastCheckpoint,
            File.Exists(_folder.BestCheckpoint) ? _folder.BestCheckpoint : null, IsStale && _step < _config.Steps)
        {
            ReportProblem = reportProblem,
        };
    }

    // What somebody put in the page's place, or damaged among what it shows, does not undo a training; a full disk stops it here as anywhere.
    private string? WriteReport()
    {
        try
        {
            ReportPage.Write([_folder.Path], _folder.ReportFile);
            return null;
        }
        catch (UserInputException error) when (error.InnerException is not (IOException or UnauthorizedAccessException))
        {
            return error.Message;
        }
    }

    /// <summary>Scores the model as it stands on the validation split.</summary>
    /// <param name="cancellation">Checked between images.</param>
    public ConfusionMatrix Validate(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return Evaluator.Run(new Predictor(_model), _validationSamples, _data.Classes, cancellation: cancellation);
    }

    // A validation whose worst images, and those that the run follows, stay in the folder.
    private ConfusionMatrix ValidateWithPictures(CancellationToken cancellation)
    {
        var pictures = new ValidationPictures(_data.Classes);
        ConfusionMatrix matrix = Evaluator.Run(
            new Predictor(_model), _validationSamples, _data.Classes,
            (_, sample, prediction) =>
            {
                pictures.Add(sample, prediction);
                _followed.Add(sample, prediction);
            },
            cancellation);
        pictures.Write(_folder.ValidationFolder, _step, _validationSamples.Count, matrix);
        _followed.Write(_step);
        return matrix;
    }

    private RunFacts Facts(double seconds) => RunFacts.Of(_model.Device) with
    {
        Steps = _step,
        IsComplete = IsComplete,
        Seconds = Math.Round(seconds, 3),
        BestMeanIoU = double.IsNaN(_bestMeanIoU) ? null : _bestMeanIoU,
        Parameters = _model.Parameters.Sum(parameter => parameter.Value.Shape.Count),
        TrainingImages = _trainingSamples.Count,
        ValidationImages = _validationSamples.Count,
    };

    /// <summary>Gives the memory of model and optimizer back, and the folder free.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        _optimizer.Dispose();
        _model.Dispose();
        _folder.Dispose();
    }

    private bool IsComplete => (_step >= _config.Steps || IsStale) && _unreportedLoss is null;

    private bool IsStale => _config.EarlyStop > 0 && _sinceBest >= _config.EarlyStop;

    // A full disk, a folder that cannot be written any more, a dataset that has gone: what was done is still there.
    private string Stopped(Exception error) => !Directory.Exists(_folder.Path)
        ? $"Training stopped at step {_step}: the run folder {_folder.Path} is gone, and its checkpoints with it."
        : _folder.NewestCheckpoint() is { } checkpoint
        ? $"Training stopped at step {_step}: {error.Message.TrimEnd('.')}. The last checkpoint, {checkpoint}, is intact; when this is put right, go on with --resume {_folder.Path}."
        : $"Training stopped before its first checkpoint: {error.Message}";

    private float RunStep(TrainingStep training, IStepSource source, CancellationToken cancellation)
    {
        try
        {
            return training.Run(_step, source.Get(_step), cancellation);
        }
        catch (Exception e) when (MemoryAdvice.IsFor(e))
        {
            training.Dispose();
            throw MemoryAdvice.ForTraining(e, _config, _model.Device.FreeBytes);
        }
    }

    // What follows a step: a validation where one is due, the best checkpoint, the row of metrics. If it is interrupted, the
    // checkpoint says so, and the resumed run does it first.
    private void Report(LearningRateSchedule schedule, SpeedMeter speed, MetricsLog log, LossWatch watch, Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        bool validate = _validationSamples.Count > 0
            && (_step == _config.Steps || (_config.ValidateEvery > 0 && _step % _config.ValidateEvery == 0));
        ConfusionMatrix? validation = validate ? ValidateWithPictures(cancellation) : null;
        float loss = _unreportedLoss!.Value;
        _unreportedLoss = null;
        bool isBest = validation is not null && !(validation.MeanIoU <= _bestMeanIoU);
        _sinceBest = isBest ? 0 : validation is null ? _sinceBest : _sinceBest + 1;
        if (isBest)
        {
            CheckWeights();
            _bestMeanIoU = validation!.MeanIoU;
            Save(_folder.BestCheckpoint);
        }

        var report = new TrainingProgress(
            _step, _config.Steps, loss, schedule.At(_step - 1), speed.ImagesPerSecond, speed.TimeFor(_config.Steps - _step), validation, isBest, watch.Check(_step, loss));
        log.Add(report);
        progress?.Invoke(report);
    }

    private void Restore(string checkpoint)
    {
        RunState state;
        try
        {
            SameRun.Check(checkpoint, _config, _folder.ConfigFile);
            state = Checkpoint.Restore(checkpoint, _model, _optimizer);
        }
        catch (SafetensorsException exception) when (checkpoint != _folder.PreviousCheckpoint && File.Exists(_folder.PreviousCheckpoint))
        {
            throw new UserInputException($"{exception.Message} {_folder.WayOut(checkpoint)}", exception);
        }

        if (state.Data != _fingerprint)
        {
            throw new UserInputException(
                $"The split {_config.TrainingSplit} of {_config.Data} is not the one that the run began with ({state.Data} then, {_fingerprint} now). Start a new run with --weights {checkpoint}.");
        }

        (_step, _bestMeanIoU, _unreportedLoss, _, _sinceBest) = state;
        _saved = checkpoint == _folder.LastCheckpoint ? (_step, _unreportedLoss) : null;
    }

    private IStepSource OpenSource(Action<int, int>? preparation, CancellationToken cancellation)
    {
        if (_config.Recipe == Recipe.Context && _config.ScoreMaps == ScoreMaps.Stored)
        {
            var store = new ScoreMapStore(_folder.ScoreMapFolder);
            store.Fill(
                new Predictor(_model), _trainingSamples, _data.Classes, _model.Stride, _config.Labels, _config.Mirror, preparation, cancellation);
            return new ScoreMapStepSource(
                store, _trainingSamples.Count, _config.Mirror, _config.StepImages, MapCells(store), _data.Classes.VoidLabel, _config.Seed);
        }

        IReadOnlyList<double> mean = _model.Config.MeanBgr;
        var loader = new BatchLoader(
            _trainingSamples,
            _data.Classes with { MeanBgr = (mean[0], mean[1], mean[2]) },
            TrainingSetup.CropOptionsOf(_config, _config.Crop!.Value));
        return new CropStepSource(loader);
    }

    private Size2 MapCells(ScoreMapStore store)
    {
        if (_config.Crop is { } crop)
        {
            return TrainingSetup.CropOptionsOf(_config, crop).Cells;
        }

        var cells = new Size2(1, 1);
        for (int i = 0; i < _trainingSamples.Count; i++)
        {
            Size2 map = store.SizeOf(i);
            cells = new Size2(Math.Max(cells.Height, map.Height), Math.Max(cells.Width, map.Width));
        }

        return cells;
    }

    // A loss is finite before the update that spoils the weights, and the next step's loss comes after the checkpoint.
    private void CheckWeights()
    {
        if (_model.Parameters.FirstOrDefault(parameter => !parameter.Value.IsFinite()) is { } spoilt)
        {
            throw new TrainingDivergedException(Math.Max(0, _step - 1), spoilt);
        }
    }

    private void Save(string path) => Checkpoint.Save(path, _model, _optimizer, _config, new RunState(_step, _bestMeanIoU, _unreportedLoss, _fingerprint, _sinceBest));

    // The new file is complete on disk before the old one moves, so a run killed at any moment has a whole checkpoint.
    private void SaveLast()
    {
        CheckWeights();
        if (_saved == (_step, _unreportedLoss) && File.Exists(_folder.LastCheckpoint))
        {
            // Written again, it would take the place of the one before it.
            return;
        }

        string written = _folder.LastCheckpoint + ".new";
        Save(written);
        if (File.Exists(_folder.LastCheckpoint))
        {
            File.Move(_folder.LastCheckpoint, _folder.PreviousCheckpoint, overwrite: true);
        }

        File.Move(written, _folder.LastCheckpoint);
        _saved = (_step, _unreportedLoss);
    }
}
