using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cli.Output;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated train</c>: trains a model on a dataset folder, or continues a run.</summary>
internal sealed class TrainCommand
{
    private const string Usage = "Name the dataset folder and a new folder for the run: dilated train DATA --run FOLDER. See: dilated train --help";

    private readonly Argument<string?> _data = new("data") { Description = "The dataset folder.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _run = new("--run") { Description = "A new folder for checkpoints and metrics.", HelpName = "FOLDER" };
    private readonly Option<string?> _resume = new("--resume") { Description = "Continue the run in this folder; its own configuration counts. Name the dataset too if it has moved.", HelpName = "FOLDER" };
    private readonly Option<Recipe> _recipe = Choice.Of("--recipe", "What to train.", Recipe.FrontEnd);
    private readonly Option<string?> _preset = new("--preset") { Description = $"A published network: {string.Join(", ", Presets.Names)}.", HelpName = "NAME" };
    private readonly Option<string?> _weights = new("--weights") { Description = "A checkpoint to start from; its front end's shape counts, but for another --model only its width.", HelpName = "FILE" };
    private readonly Option<long> _steps = new("--steps") { Description = "Steps in all.", DefaultValueFactory = _ => 1000, HelpName = "N" };
    private readonly Option<int> _batch = new("--batch") { Description = "Images that are computed at once.", DefaultValueFactory = _ => 4, HelpName = "N" };
    private readonly Option<int> _accumulate = new("--accumulate") { Description = "Batches whose gradients a step adds up.", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly Option<string?> _crop = new("--crop") { Description = "Network input in pixels, SIZE or HEIGHTxWIDTH, margins included. [default: 564, or 321 for an FCN or DeepLab; whole maps for stored score maps]", HelpName = "SIZE" };
    private readonly Option<bool> _noMirror = new("--no-mirror") { Description = "Do not mirror half of the samples." };
    private readonly Option<LabelResolution> _labels = Choice.Of("--labels", "Train on labels at the network's stride, or at full resolution through the fixed upsampling.", LabelResolution.Stride);
    private readonly Option<ScoreMaps> _maps = Choice.Of("--score-maps", "Context recipe: maps computed once, or on every crop.", ScoreMaps.Stored);
    private readonly Option<bool> _onlyFresh = new("--only-fresh") { Description = "Train only what the weights have not; the rest keeps its values." };
    private readonly Option<string?> _crfRnn = new("--crf-rnn")
    {
        Description = $"Train a CRF with the network, on labels at full resolution: kernels and initial weights of {string.Join(", ", DenseCrfConfig.Known.Keys)}, or of a JSON file that dilated crf --search wrote.",
        HelpName = "NAME|FILE",
    };

    private readonly LossOptions _loss = new();
    private readonly AugmentationOptions _augmentation = new();
    private readonly Option<OptimizerKind> _optimizer = Choice.Of("--optimizer", "The update rule.", OptimizerKind.Adam);
    private readonly Option<double> _rate = new("--learning-rate", "--lr") { Description = "The learning rate at the start.", DefaultValueFactory = _ => 1e-3, HelpName = "RATE" };
    private readonly Option<ScheduleKind> _schedule = Choice.Of("--schedule", "How the learning rate falls.", ScheduleKind.Poly);
    private readonly Option<long> _warmUp = new("--warm-up") { Description = "Steps in which the learning rate first rises to what the schedule says.", DefaultValueFactory = _ => 0, HelpName = "STEPS" };
    private readonly Option<double?> _clip = new("--clip-norm") { Description = "Shorten the gradients together to this length where they are longer.", HelpName = "LENGTH" };
    private readonly Option<double> _momentum = new("--momentum") { Description = "SGD's momentum.", DefaultValueFactory = _ => 0.9, HelpName = "FACTOR" };
    private readonly Option<double?> _decay = new("--weight-decay") { Description = "Weight decay, on weights only. [default: 0.0005 with SGD, 0 with Adam]", HelpName = "FACTOR" };
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly Option<ulong> _seed = new("--seed") { Description = "Names every random number of the run.", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly Option<long> _validateEvery = new("--validate-every") { Description = "Steps between validations; 0 for the end only.", DefaultValueFactory = _ => 500, HelpName = "N" };
    private readonly Option<int> _follow = new("--follow-images") { Description = "Validation images whose predictions are kept after every validation, for the report to show how they change: 0 to 16.", DefaultValueFactory = _ => 4, HelpName = "N" };
    private readonly Option<int> _earlyStop = new("--early-stop") { Description = "End after this many validations without a better mean IoU; 0 for never.", DefaultValueFactory = _ => 0, HelpName = "N" };
    private readonly Option<long> _checkpointEvery = new("--checkpoint-every") { Description = "Steps between checkpoints.", DefaultValueFactory = _ => 200, HelpName = "N" };
    private readonly Option<string> _trainingSplit = new("--train-split") { Description = "The split to train on.", DefaultValueFactory = _ => "train", HelpName = "NAME" };
    private readonly Option<string> _validationSplit = new("--val-split") { Description = "The split to validate on, or none.", DefaultValueFactory = _ => "val", HelpName = "NAME" };
    private readonly Option<bool> _anomaly = new("--detect-anomaly") { Description = "Look at every number of every step and stop where the first is not finite, naming the operator. Slow; also with --resume." };
    private readonly GroupOption _distributed = new(
        "Train as one of several processes: mpirun -n N dilated train ... --distributed. They share a step's batches (--accumulate), and the run is that of one process, to the bit; also with --resume.");

    private readonly ConfigOptions _config = new();
    private readonly ModelOptions _model = new();
    private readonly DeviceOptions _device = new();

    private IEnumerable<Option> Options =>
    [
        _run, _resume, _recipe, _preset, _weights, _onlyFresh, _crfRnn, _steps, _batch, _accumulate, _crop, _noMirror, .. _augmentation.All, _labels, _maps, .. _loss.All, _optimizer, _rate, _schedule, _warmUp, _clip, _momentum, _decay,
        _precision, _seed, _validateEvery, _follow, _earlyStop, _checkpointEvery, _trainingSplit, _validationSplit,
    ];

    public static Command Create()
    {
        var verb = new TrainCommand();
        var command = new Command("train", "Trains a model on a dataset folder; writes checkpoints and metrics; resumes.");
        command.Arguments.Add(verb._data);
        foreach (Option option in verb.Options)
        {
            command.Options.Add(option);
        }

        foreach (Option option in verb._config.All)
        {
            command.Options.Add(option);
        }

        command.Options.Add(verb._anomaly);
        command.Options.Add(verb._distributed.Option);
        verb._model.AddTo(command);
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation) => _distributed.Run(result, group => Run(result, group, cancellation));

    private int Run(ParseResult result, ProcessGroup? group, CancellationToken cancellation)
    {
        bool isSilent = group is { Rank: > 0 };
        TextWriter output = isSilent ? TextWriter.Null : result.InvocationConfiguration.Output;
        TextWriter error = isSilent ? TextWriter.Null : result.InvocationConfiguration.Error;
        ProgressDisplay display = ProgressDisplay.For(error);
        TrainingConfig? config = Together.Run(group, () => Configuration(result), _ => { });
        if (config is not null && _config.Print(result, config, output))
        {
            return ExitCode.Ok;
        }

        using Device device = _device.Open(result, group);
        using Trainer trainer = Open(result, config, device, group, cancellation);
        if (group is not null)
        {
            ProcessNumbers.Tell(group, error);
        }

        if (config is null)
        {
            TellWhereItGoesOn(trainer, result.GetValue(_resume)!, error);
        }

        trainer.DetectAnomaly = result.GetValue(_anomaly);
        if (trainer.Fresh.Count > 0)
        {
            IEnumerable<string> layers = trainer.Fresh.Select(parameter => parameter[..parameter.LastIndexOf('.')]).Distinct();
            error.WriteLine($"not in the weights, so fresh: {string.Join(", ", layers)}");
        }

        TrainingResult outcome;
        try
        {
            outcome = trainer.Run(display.Training, (done, all) => display.Count("score maps", done, all), cancellation);
        }
        finally
        {
            display.Finish();
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"steps       {outcome.Steps} of {trainer.Config.Steps}"));
        if (outcome.StoppedEarly)
        {
            output.WriteLine($"stopped     after {trainer.Config.EarlyStop} validation{(trainer.Config.EarlyStop == 1 ? "" : "s")} without a better mean IoU (--early-stop); the best checkpoint is kept");
        }

        if (!double.IsNaN(outcome.BestMeanIoU))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"mean IoU    {100 * outcome.BestMeanIoU:F2} % (best validation)"));
            output.WriteLine($"best        {outcome.BestCheckpoint}");
        }

        output.WriteLine($"last        {outcome.LastCheckpoint}");
        output.WriteLine($"metrics     {trainer.Folder.MetricsFile}");
        if (outcome.ReportProblem is { } problem)
        {
            error.WriteLine($"No report was written: {problem}");
        }
        else
        {
            output.WriteLine($"report      {trainer.Folder.ReportFile}");
        }

        if (!outcome.IsComplete)
        {
            string onward = Suggestion.Of("train", "--resume", trainer.Folder.Path);
            output.WriteLine($"Interrupted. Continue with: {(group is null ? onward : $"mpirun -n {group.Size} {onward} {_distributed.Option.Name}")}");
            return ExitCode.Interrupted;
        }

        output.WriteLine($"Next: {Prediction(trainer, outcome)}");
        return ExitCode.Ok;
    }

    // The best network on an image that it was not trained on.
    private static string Prediction(Trainer trainer, TrainingResult outcome) =>
        Suggestion.Of("predict", outcome.BestCheckpoint ?? outcome.LastCheckpoint, WorkingFolder.Short(trainer.ExampleImage), "--out", Path.Combine(trainer.Folder.Path, "predictions"));

    // Null for a run that is resumed.
    private TrainingConfig? Configuration(ParseResult result)
    {
        if (result.GetValue(_resume) is not null)
        {
            Given.Refuse(result, "--resume takes everything from the run's own configuration.", [.. Options.Where(option => option != _resume), .. _model.All, .. _config.All]);
            return null;
        }

        return _config.Get(result, result.GetValue(_data), data => Configure(result, data), [.. Options.Where(option => option != _run), .. _model.All])
            ?? throw new UserInputException(Usage);
    }

    // A run that was ended before its first checkpoint has none; but it may also have been deleted.
    private static void TellWhereItGoesOn(Trainer trainer, string folder, TextWriter error)
    {
        if (trainer.ResumedFrom is not { } checkpoint)
        {
            error.WriteLine($"There is no checkpoint in {folder}: the run begins at step 1.");
        }
        else if (Path.GetFileName(checkpoint) is "previous.safetensors" and var name)
        {
            error.WriteLine($"There is no last.safetensors in {folder}: the run goes on from {name}, after step {trainer.Step}.");
        }

        if (trainer.ValidatesOthers)
        {
            error.WriteLine($"The images of the split {trainer.Config.ValidationSplit} are not those of before: the next validation counts as the best so far.");
        }
    }

    private Trainer Open(ParseResult result, TrainingConfig? config, Device device, ProcessGroup? group, CancellationToken cancellation)
    {
        string? data = result.GetValue(_data);
        return config is null
            ? Trainer.Resume(result.GetValue(_resume)!, device, data is null ? null : FullPath(data), group, cancellation)
            : Trainer.Start(config, result.GetValue(_run) ?? throw new UserInputException(Usage), device, result.GetValue(_onlyFresh), group, cancellation);
    }

    private TrainingConfig Configure(ParseResult result, string data)
    {
        ClassSet classes = DatasetFolder.Open(data).Classes;
        Recipe recipe = result.GetValue(_recipe);
        ScoreMaps maps = result.GetValue(_maps);
        string split = result.GetValue(_validationSplit)!;
        bool wholeMaps = recipe == Recipe.Context && maps == ScoreMaps.Stored;
        ModelConfig network = WithCrf(result, recipe, Network(result, recipe, classes));
        LabelResolution labels = network.Crf is not null && !Given.Is(result, _labels) ? LabelResolution.Full : result.GetValue(_labels);
        return new TrainingConfig
        {
            Model = network,
            Recipe = recipe,
            Data = FullPath(data),
            TrainingSplit = result.GetValue(_trainingSplit)!,
            ValidationSplit = split == "none" ? null : split,
            Weights = result.GetValue(_weights) is { } weights ? FullPath(weights) : null,
            BatchSize = result.GetValue(_batch),
            Accumulate = result.GetValue(_accumulate),
            Crop = SizeText.Parse(result.GetValue(_crop), "--crop") ?? (wholeMaps ? null : network.FrontEnd is null ? 321 : 564),
            Mirror = !result.GetValue(_noMirror),
            Augmentation = _augmentation.Parse(result),
            Labels = labels,
            ScoreMaps = maps,
            Steps = result.GetValue(_steps),
            ValidateEvery = result.GetValue(_validateEvery),
            FollowedImages = result.GetValue(_follow),
            EarlyStop = result.GetValue(_earlyStop),
            CheckpointEvery = result.GetValue(_checkpointEvery),
            Seed = result.GetValue(_seed),
            Precision = result.GetValue(_precision),
            Loss = _loss.Parse(result, classes),
            Optimizer = new OptimizerConfig
            {
                Kind = result.GetValue(_optimizer),
                LearningRate = result.GetValue(_rate),
                Momentum = result.GetValue(_momentum),
                WeightDecay = result.GetValue(_decay) ?? (result.GetValue(_optimizer) == OptimizerKind.Sgd ? 5e-4 : 0),
                Schedule = result.GetValue(_schedule),
                WarmUp = result.GetValue(_warmUp),
                ClipNorm = result.GetValue(_clip),
            },
        };
    }

    // A CRF that comes with the weights stays; the context recipe trains below it, on score maps.
    private ModelConfig WithCrf(ParseResult result, Recipe recipe, ModelConfig network)
    {
        CrfRnnConfig? crf = recipe == Recipe.Context ? null : network.Crf;
        if (crf is not null)
        {
            Given.Refuse(result, "the CRF comes with the weights.", _crfRnn);
        }

        if (result.GetValue(_crfRnn) is { } name)
        {
            crf = CrfRnnConfig.From(CrfOptions.Named(_crfRnn.Name, name), network.Classes);
        }

        return crf is null ? network with { Crf = null } : network with { Name = network.Name + ModelOptions.WithCrf, Crf = crf, UpsampleInNetwork = false };
    }

    private ModelConfig Network(ParseResult result, Recipe recipe, ClassSet classes)
    {
        if (result.GetValue(_preset) is { } preset)
        {
            Given.Refuse(result, "--preset brings the whole network.", _model.All);
            ModelConfig published = Published(preset, classes);
            return recipe == Recipe.FrontEnd ? published with { Context = null } : published;
        }

        int count = classes.Names.Count;
        ModelConfig? start = result.GetValue(_weights) is { } weights ? ModelFile.ReadConfig(CheckpointPath.Existing(weights)) : null;
        if (start is not null && start.Classes != count)
        {
            throw new UserInputException($"The weights have {start.Classes} classes, but the dataset has {count}.");
        }

        ModelConfig trunk = _model.Trunk(result, count, start);
        bool isFresh = start?.HasTrunk != true;
        ModelConfig network = trunk with
        {
            Name = recipe == Recipe.FrontEnd ? trunk.Name : trunk.Name + ModelOptions.WithContext,
            FrontEnd = isFresh && trunk.FrontEnd is { } frontEnd ? frontEnd with { FinalDeviation = 0.01 } : trunk.FrontEnd,
            Context = Context(result, recipe, count, start),
            UpsampleInNetwork = false,
            InputSize = null,
            Crf = start?.Crf,
            // From scratch, He initialisation expects inputs of unit size.
            InputScale = start?.InputScale ?? 1.0 / 64,
        };
        // Trained weights go on with the mean that they were trained with.
        ModelConfig named = network.WithClasses(classes);
        return start is null ? named : named with { MeanBgr = start.MeanBgr };
    }

    private ContextConfig? Context(ParseResult result, Recipe recipe, int classes, ModelConfig? start)
    {
        if (recipe == Recipe.FrontEnd)
        {
            _model.RefuseContext(result, "the recipe trains the front end alone.");
            return null;
        }

        if (start?.Context is { } trained)
        {
            _model.RefuseContext(result, "the context module comes with the weights.");
            return trained;
        }

        return _model.Context(result, classes, fallback: "basic");
    }

    private static string FullPath(string path) =>
        string.IsNullOrWhiteSpace(path) ? throw new UserInputException("A file or folder was named with an empty text.") : Path.GetFullPath(path);

    private static ModelConfig Published(string name, ClassSet classes)
    {
        if (!Presets.Names.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            throw new UserInputException($"There is no network called {name}; the presets are {string.Join(", ", Presets.Names)}.");
        }

        ModelConfig published = Presets.Get(name);
        return published.Classes == classes.Count
            ? published.WithClasses(classes.MeanIsDefault ? classes with { MeanBgr = (published.MeanBgr[0], published.MeanBgr[1], published.MeanBgr[2]) } : classes)
            : throw new UserInputException($"{name} has {published.Classes} classes, but the dataset has {classes.Count}. Without --preset the network takes the dataset's classes.");
    }
}
