using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Demo;

/// <summary>How long the demo trains.</summary>
public sealed record DemoOptions
{
    /// <summary>Steps of the front end.</summary>
    public int FrontEndSteps { get; init; } = 250;

    /// <summary>Steps of each context module.</summary>
    public int ContextSteps { get; init; } = 250;

    /// <summary>Scenes that are scored and never trained on.</summary>
    public int HeldBackScenes { get; init; } = 40;

    /// <summary>Names every random number.</summary>
    public ulong Seed { get; init; } = 1;
}

/// <summary>What the demo found, on scenes that were never trained on.</summary>
/// <param name="FrontEnd">The front end alone.</param>
/// <param name="Context">Front end and context module, identity initialisation.</param>
/// <param name="RandomContext">The same with a context module initialised at random.</param>
/// <param name="FrontEndReceptiveField">Pixels that a front-end score depends on, along a side.</param>
/// <param name="FinalReceptiveField">The same with the context module.</param>
public sealed record DemoResult(
    ConfusionMatrix FrontEnd, ConfusionMatrix Context, ConfusionMatrix RandomContext, int FrontEndReceptiveField, int FinalReceptiveField);

/// <summary>One scored scene for the report.</summary>
/// <param name="Image">The scene.</param>
/// <param name="Truth">Its labels.</param>
/// <param name="FrontEnd">The front end's prediction.</param>
/// <param name="Context">The prediction with context, identity initialisation.</param>
/// <param name="RandomContext">The prediction with context, random initialisation.</param>
public sealed record DemoScene(RgbImage Image, IndexMask Truth, IndexMask FrontEnd, IndexMask Context, IndexMask RandomContext);

/// <summary>
/// The paper's main claim on scenes small enough for two minutes: a context module of dilated convolutions, initialised as
/// the identity, adds what the front end cannot see; the same module initialised at random does not get there in the same
/// time (Yu and Koltun 2016, section 3).
/// </summary>
public sealed class DemoRun
{
    internal const int BatchSize = 4;
    internal const double LearningRate = 2e-3;
    private static readonly int[] Dilations = [1, 1, 2, 4, 8, 16, 1];

    private readonly Device _device;
    private readonly DemoOptions _options;

    /// <summary>Prepares the demo.</summary>
    /// <param name="device">Where to train.</param>
    /// <param name="options">How long.</param>
    public DemoRun(Device device, DemoOptions options)
    {
        _device = device;
        _options = options;
    }

    /// <summary>Trains the three systems and scores them.</summary>
    /// <param name="progress">Called after every step with the stage's name and its progress.</param>
    /// <param name="scenes">Receives every scored scene.</param>
    /// <param name="cancellation">Checked between steps.</param>
    /// <exception cref="OperationCanceledException">The demo was interrupted.</exception>
    public DemoResult Run(Action<string, TrainingProgress>? progress, Action<DemoScene>? scenes, CancellationToken cancellation)
    {
        using SegmentationModel frontEnd = SegmentationModel.Create(_device, Config(null), _options.Seed);
        Train("front end", frontEnd, frontEnd, _options.FrontEndSteps, progress, cancellation);
        using SegmentationModel context = WithContext(frontEnd, ContextInitialization.Identity);
        Train("context, identity", context, context, _options.ContextSteps, progress, cancellation);
        using SegmentationModel random = WithContext(frontEnd, ContextInitialization.He);
        Train("context, random", random, random, _options.ContextSteps, progress, cancellation);
        return Score(frontEnd, context, random, scenes, cancellation);
    }

    internal static ModelConfig Config(ContextConfig? context) => new()
    {
        Name = "demo",
        FrontEnd = new FrontEndConfig
        {
            Classes = LaneScenes.Classes.Names.Count,
            Stages = [new Stage(2, 16, PoolAfter: true), new Stage(2, 32, PoolAfter: true)],
            FcKernel = 3,
            FcDilation = 1,
            FcChannels = 64,
            Dropout = 0,
            FinalDeviation = 0.01,
        },
        Context = context,
        InputScale = 1.0 / 64,
        MeanBgr = [LaneScenes.Classes.MeanBgr.B, LaneScenes.Classes.MeanBgr.G, LaneScenes.Classes.MeanBgr.R],
        ClassNames = LaneScenes.Classes.Names,
    };

    private SegmentationModel WithContext(SegmentationModel frontEnd, ContextInitialization initialization)
    {
        ContextConfig context = ContextConfig.Basic(LaneScenes.Classes.Names.Count) with
        {
            Dilations = Dilations,
            Padding = ContextPadding.PerLayer,
            Initialization = initialization,
            Noise = 0.01,
        };
        SegmentationModel model = SegmentationModel.Create(_device, Config(context), _options.Seed);
        for (int i = 0; i < frontEnd.Parameters.Count; i++)
        {
            model.FrontEnd!.Parameters[i].Value.SetChannelsLast(frontEnd.Parameters[i].Value.ToChannelsLast());
        }

        model.SetFrontEndTrainable(false);
        return model;
    }

    private void Train(
        string stage, SegmentationModel model, Module network, int steps, Action<string, TrainingProgress>? progress, CancellationToken cancellation)
    {
        using var optimizer = new Adam([.. network.Parameters.Where(p => p.IsTrainable)]);
        var schedule = new PolySchedule((float)LearningRate, 0.9f, steps);
        using var training = new TrainingStep(_device, network, optimizer, schedule, _options.Seed, LaneScenes.Classes.VoidLabel);
        using var source = new SceneStepSource(model, BatchSize, _options.Seed);
        var speed = new SpeedMeter(BatchSize);
        for (int step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            float loss = training.Run(step, source.Get(step), cancellation);
            speed.Add(System.Diagnostics.Stopwatch.GetElapsedTime(started));
            progress?.Invoke(stage, new TrainingProgress(
                step + 1, steps, loss, schedule.At(step), speed.ImagesPerSecond, speed.TimeFor(steps - step - 1), null, false));
        }
    }

    private DemoResult Score(
        SegmentationModel frontEnd, SegmentationModel context, SegmentationModel random, Action<DemoScene>? scenes, CancellationToken cancellation)
    {
        int classes = LaneScenes.Classes.Names.Count;
        var matrices = new ConfusionMatrix[] { new(classes), new(classes), new(classes) };
        Predictor[] predictors = [new(frontEnd), new(context), new(random)];
        for (int i = 0; i < _options.HeldBackScenes; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            (RgbImage image, IndexMask truth) = LaneScenes.Draw(_options.Seed + 1, i);
            IndexMask[] predictions = [.. predictors.Select(p => p.Predict(image, cancellation: cancellation))];
            for (int p = 0; p < predictions.Length; p++)
            {
                matrices[p].Add(truth, predictions[p], LaneScenes.Classes.VoidLabel);
            }

            scenes?.Invoke(new DemoScene(image, truth, predictions[0], predictions[1], predictions[2]));
        }

        return new DemoResult(matrices[0], matrices[1], matrices[2], frontEnd.ReceptiveField, context.ReceptiveField);
    }
}
