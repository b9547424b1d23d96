using System.Diagnostics;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Report;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Trains a network on a dataset folder and writes the run folder: configuration, metrics, last and best checkpoints.
/// Interrupting it at any step keeps what was done; resuming gives the same bits as a run that was never interrupted.
/// </summary>
public sealed partial class Trainer : IDisposable
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
    private readonly string _validationFingerprint;
    private readonly RunValidation _validation;
    private readonly ProcessGroup? _group;
    private long _step;
    private double _bestMeanIoU = double.NaN;
    private float? _unreportedLoss;
    private int _sinceBest;
    private (long Step, float? UnreportedLoss)? _saved;
    private bool _isRunning;
    private volatile bool _isDisposed;

    private Trainer(TrainingConfig config, RunFolder folder, DatasetFolder data, SegmentationModel model, ProcessGroup? group)
    {
        _group = group;
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
        _validationFingerprint = DataFingerprint.Of(_validationSamples);
        _validation = new RunValidation(folder, _validationSamples, data.Classes, config.FollowedImages, group);
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

    /// <summary>The checkpoint that the run goes on from; null where it begins, as a resumed one without any checkpoint does.</summary>
    public string? ResumedFrom { get; private set; }

    /// <summary>Whether a resumed run validates other images than before: what was the best then counts no more.</summary>
    public bool ValidatesOthers { get; private set; }

    /// <summary>Steps done.</summary>
    public long Step => _step;

    /// <summary>
    /// Whether every step looks at all its results and gradients and stops the run at the first that is not finite, naming the operator. Several times slower; the
    /// bits are the same. Without it, a loss that is not finite is looked into after the fact.
    /// </summary>
    public bool DetectAnomaly { get; set; }

    /// <summary>Trains to the configured number of steps, until validations have stopped to get better where that is configured, or until cancelled; a cancelled run ends with a checkpoint of the step it reached.</summary>
    /// <remarks>
    /// The processes of a group call it alike. When one is cancelled, all stop after the same step. When one fails, it ends the whole group
    /// (<see cref="ProcessGroup.Fail"/>).
    /// </remarks>
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
    /// <exception cref="ProcessGroupException">Another process of the group failed, or the processes came to different numbers.</exception>
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
            return Train(progress, preparation, new Ending(_group, cancellation));
        }
        catch (Exception e) when (_group is not null && e is not (ProcessGroupException or TrainingDivergedException { IsCommon: true }))
        {
            // The others would wait for this process.
            _group.Fail(e is IOException or UnauthorizedAccessException or UserInputException ? Stopped(e) : ErrorText.Of(e));
            throw;
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

    private TrainingResult Train(Action<TrainingProgress>? progress, Action<int, int>? preparation, Ending ending)
    {
        float loss = float.NaN;
        double? seconds = null;
        string? reportProblem = null;
        try
        {
            using IStepSource source = StepSources.Open(_config, _folder, _model, _trainingSamples, _data.Classes, _group, ending, preparation);
            using MetricsLog? log = OpenLog();
            seconds = log?.SecondsBefore;
            if (_step == 0)
            {
                SaveLast();
            }

            LearningRateSchedule schedule = _config.Optimizer.CreateSchedule(_config.Steps);
            using var training = new TrainingStep(_model.Device, _network, _optimizer, schedule, _config.Seed, _data.Classes.VoidLabel, DetectAnomaly, _config.Loss)
            {
                Parts = _config.Accumulate ?? 1,
                ClipNorm = (float?)_config.Optimizer.ClipNorm,
                Group = _group,
            };
            var times = new StepTimes(_group);
            var watch = new LossWatch(_data.Classes.Names.Count);
            var speed = new SpeedMeter(_config.StepImages);
            if (_unreportedLoss is { } interrupted)
            {
                loss = interrupted;
                Report(schedule, speed, log, watch, progress, times, ending);
            }

            while (_step < _config.Steps && !IsStale && !ending.IsDue)
            {
                long started = Stopwatch.GetTimestamp();
                training.Tally = times.Tally(ending.IsAsked);
                loss = RunStep(training, source, ending.Token);
                ending.Note(times.Take(training.Tally));
                _step++;
                TimeSpan time = Stopwatch.GetElapsedTime(started);
                speed.Add(time);
                times.Own = time - training.Waited;
                _unreportedLoss = loss;
                Report(schedule, speed, log, watch, progress, times, ending);
                seconds = log?.Seconds;
                if (_step % _config.CheckpointEvery == 0 && _step < _config.Steps)
                {
                    SaveLast();
                }
            }
        }
        catch (OperationCanceledException) when (ending.IsDue)
        {
            // Interrupted inside a step, a validation or while maps were computed; the step reached so far is saved below.
        }

        SaveLast();
        if (IsFirst(_group) && File.Exists(_folder.MetricsFile))
        {
            using IDisposable suspension = Watchdog.Suspend();
            CurvePlot.Write(_folder.MetricsFile, _folder.CurvesFile);
            // Interrupted before it went on, it took no more than the file says.
            if (seconds is { } took)
            {
                Facts(took).Write(_folder.FactsFile);
            }

            reportProblem = WriteReport();
        }

        // Nobody says that the run has ended, or ends, before the first has written it.
        _group?.Barrier();

        return new TrainingResult(
            _step, IsComplete, loss, _bestMeanIoU, _folder.LastCheckpoint,
            File.Exists(_folder.BestCheckpoint) ? _folder.BestCheckpoint : null, IsStale && _step < _config.Steps)
        {
            ReportProblem = reportProblem,
        };
    }

    private MetricsLog? OpenLog()
    {
        if (!IsFirst(_group))
        {
            return null;
        }

        long reported = _unreportedLoss is null ? _step : _step - 1;
        var log = MetricsLog.Open(_folder, reported);
        FollowedImages.ForgetAfter(_folder.ValidationFolder, reported);
        return log;
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

    /// <summary>Scores the model as it stands on the validation split, in this process alone.</summary>
    /// <param name="cancellation">Checked between images.</param>
    public ConfusionMatrix Validate(CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return Evaluator.Run(new Predictor(_model), _validationSamples, _data.Classes, cancellation: cancellation);
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
    private void Report(LearningRateSchedule schedule, SpeedMeter speed, MetricsLog? log, LossWatch watch, Action<TrainingProgress>? progress, StepTimes times, Ending ending)
    {
        bool validate = _validationSamples.Count > 0
            && (_step == _config.Steps || (_config.ValidateEvery > 0 && _step % _config.ValidateEvery == 0));
        ConfusionMatrix? validation = validate ? _validation.Run(new Predictor(_model), _step, ending) : null;
        float loss = _unreportedLoss!.Value;
        _unreportedLoss = null;
        bool isBest = validation is not null && !(validation.MeanIoU <= _bestMeanIoU);
        _sinceBest = isBest ? 0 : validation is null ? _sinceBest : _sinceBest + 1;
        if (isBest)
        {
            CheckWeights();
            _bestMeanIoU = validation!.MeanIoU;
            if (IsFirst(_group))
            {
                Save(_folder.BestCheckpoint);
            }
        }

        var report = new TrainingProgress(
            _step, _config.Steps, loss, schedule.At(_step - 1), speed.ImagesPerSecond, speed.TimeFor(_config.Steps - _step), validation, isBest, watch.Check(_step, loss))
        {
            Slowest = times.Slowest,
        };
        using IDisposable suspension = Watchdog.Suspend();
        log?.Add(report);
        progress?.Invoke(report);
    }

    // A loss is finite before the update that spoils the weights, and the next step's loss comes after the checkpoint.
    private void CheckWeights()
    {
        if (_group is not null)
        {
            SameNumbers.Check(_group, _model.Parameters, _optimizer, _step);
        }

        if (_model.Parameters.FirstOrDefault(parameter => !parameter.Value.IsFinite()) is { } spoilt)
        {
            throw new TrainingDivergedException(Math.Max(0, _step - 1), spoilt) { IsCommon = true };
        }
    }

    private void Save(string path) => Checkpoint.Save(path, _model, _optimizer, _config, new RunState(_step, _bestMeanIoU, _unreportedLoss, _fingerprint, _sinceBest, _validationFingerprint));

    // The new file is complete on disk before the old one moves, so a run killed at any moment has a whole checkpoint.
    private void SaveLast()
    {
        CheckWeights();
        (long, float?) stand = (_step, _unreportedLoss);
        if (!IsFirst(_group) || (_saved == stand && File.Exists(_folder.LastCheckpoint)))
        {
            // Written again, it would take the place of the one before it.
            return;
        }

        using IDisposable suspension = Watchdog.Suspend();
        string written = _folder.LastCheckpoint + ".new";
        Save(written);
        if (File.Exists(_folder.LastCheckpoint))
        {
            File.Move(_folder.LastCheckpoint, _folder.PreviousCheckpoint, overwrite: true);
        }

        File.Move(written, _folder.LastCheckpoint);
        _saved = stand;
    }

    // The process that writes and speaks for all.
    private static bool IsFirst(ProcessGroup? group) => group is not { Rank: > 0 };
}
