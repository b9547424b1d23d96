using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Training;

public sealed partial class Trainer
{
    /// <summary>Starts a run. The dataset is checked whole before anything is written.</summary>
    /// <param name="config">What to train.</param>
    /// <param name="runFolder">A new or empty folder.</param>
    /// <param name="device">Where to train.</param>
    /// <param name="onlyFresh">
    /// Whether the parameters that the weights have keep their values, as when DeepLab's branches of several scales are added to a trained network (Chen et al.
    /// 2015, section 4.3).
    /// </param>
    /// <param name="group">
    /// The processes that train together, or null for this one alone. Each calls this with the same arguments and a device of its own, and sees the same files. A step's
    /// <see cref="TrainingConfig.Accumulate"/> batches are shared out, of which there are as many as processes or more; the first process alone writes the run's
    /// folder. The run has the bits that one process would give it. Not owned.
    /// </param>
    /// <param name="cancellation">Ends the check of the dataset, which may take minutes; nothing is written then.</param>
    /// <exception cref="UserInputException">The configuration, the dataset, the weights or the folder cannot be used; the message says why. Of a group, every process throws it.</exception>
    public static Trainer Start(
        TrainingConfig config, string runFolder, Device device, bool onlyFresh = false, ProcessGroup? group = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Open(group, () => StartHere(config, runFolder, device, onlyFresh, group, cancellation), trainer =>
        {
            trainer._folder.Discard();
            trainer.Dispose();
        });
    }

    private static Trainer StartHere(TrainingConfig config, string runFolder, Device device, bool onlyFresh, ProcessGroup? group, CancellationToken cancellation)
    {
        config.Validate();
        TrainingSetup.CheckProcesses(config, group);
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
            RunFolder folder = IsFirst(group) ? RunFolder.Create(runFolder, config) : RunFolder.Join(runFolder);
            try
            {
                return new Trainer(config, folder, data, model, group) { Fresh = fresh };
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
    /// <param name="group">The processes that train together, as for <see cref="Start"/>; there may be another number of them than before.</param>
    /// <param name="cancellation">Ends the check of the dataset; the run stays as it was.</param>
    /// <exception cref="UserInputException">There is no run, its dataset has gone or changed, or its checkpoint cannot be used. Of a group, every process throws it.</exception>
    public static Trainer Resume(string runFolder, Device device, string? movedData = null, ProcessGroup? group = null, CancellationToken cancellation = default) =>
        Open(group, () => ResumeHere(runFolder, device, movedData, group, cancellation), trainer => trainer.Dispose());

    private static Trainer Open(ProcessGroup? group, Func<Trainer> open, Action<Trainer> undo)
    {
        Trainer trainer = Together.Run(group, open, undo);
        try
        {
            if (group is not null)
            {
                SameTask.Check(group, trainer._config, trainer._fingerprint, trainer._validationFingerprint, trainer._step);
            }

            return trainer;
        }
        catch
        {
            undo(trainer);
            throw;
        }
    }

    private static Trainer ResumeHere(string runFolder, Device device, string? movedData, ProcessGroup? group, CancellationToken cancellation)
    {
        RunFolder folder = RunFolder.Open(runFolder, IsFirst(group), out TrainingConfig config);
        SegmentationModel? model = null;
        Trainer? trainer = null;
        try
        {
            config = movedData is null ? config : config with { Data = movedData };
            config.Validate();
            TrainingSetup.CheckProcesses(config, group, isResumed: true);
            DatasetFolder data = TrainingSetup.OpenData(config, cancellation, out DatasetReport training);
            config = TrainingSetup.WithClassWeights(config, training);
            model = SegmentationModel.Create(device, config.Model, config.Seed, config.Precision);
            string? checkpoint = folder.NewestCheckpoint();
            if (config.Weights is { } weights && checkpoint is null)
            {
                TrainingSetup.LoadWeights(weights, model, config.Recipe);
            }

            trainer = new Trainer(config, folder, data, model, group);
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

        ResumedFrom = checkpoint;
        (_step, _bestMeanIoU, _unreportedLoss, _, _sinceBest, string? validation) = state;
        if (validation is not null && validation != _validationFingerprint)
        {
            ValidatesOthers = true;
            (_bestMeanIoU, _sinceBest) = (double.NaN, 0);
        }

        _saved = checkpoint == _folder.LastCheckpoint ? (_step, _unreportedLoss) : null;
    }
}
