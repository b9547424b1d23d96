using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Which part of the network a run trains (Yu and Koltun 2016, sections 4 and 5, appendix A).</summary>
public enum Recipe
{
    /// <summary>The part from image to scores without a context module, be it a front end, an FCN or DeepLab, on crops of images; with its CRF where the network has one.</summary>
    FrontEnd,

    /// <summary>The context module alone, on the score maps of a front end that does not change.</summary>
    Context,

    /// <summary>Front end and context module together, on crops of images; with the CRF where the network has one.</summary>
    Joint,
}

/// <summary>Where the context recipe takes its score maps from.</summary>
public enum ScoreMaps
{
    /// <summary>Whole-image maps, computed once before training, mirrored images included, and kept in the run folder.</summary>
    Stored,

    /// <summary>The front end runs on every crop.</summary>
    Live,
}

/// <summary>The update rule.</summary>
public enum OptimizerKind
{
    /// <summary>Stochastic gradient descent with momentum, as in the paper's recipes.</summary>
    Sgd,

    /// <summary>Adam (Kingma and Ba 2015): the better choice for training from scratch.</summary>
    Adam,
}

/// <summary>How the learning rate falls.</summary>
public enum ScheduleKind
{
    /// <summary>It does not.</summary>
    Constant,

    /// <summary>Times <see cref="OptimizerConfig.StepGamma"/> every <see cref="OptimizerConfig.StepEvery"/> steps.</summary>
    Step,

    /// <summary><c>(1 − step/steps)^power</c>.</summary>
    Poly,

    /// <summary>Half a cosine, <c>(1 + cos(π·step/steps)) / 2</c> (<see cref="CosineSchedule"/>).</summary>
    Cosine,
}

/// <summary>The optimizer and its learning-rate schedule.</summary>
public sealed record OptimizerConfig
{
    /// <summary>The update rule.</summary>
    public OptimizerKind Kind { get; init; } = OptimizerKind.Adam;

    /// <summary>The learning rate at step 0, above 0.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>SGD's momentum, in [0, 1).</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Weight decay on weights, never on biases; 0 or more.</summary>
    public double WeightDecay { get; init; } = 5e-4;

    /// <summary>How the learning rate falls.</summary>
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Poly;

    /// <summary>The exponent of the poly schedule.</summary>
    public double PolyPower { get; init; } = 0.9;

    /// <summary>The factor of the step schedule.</summary>
    public double StepGamma { get; init; } = 0.1;

    /// <summary>Steps between two drops of the step schedule.</summary>
    public long StepEvery { get; init; } = 100_000;

    /// <summary>Steps in which the rate rises linearly to what the schedule says (<see cref="WarmUpSchedule"/>); 0 for none.</summary>
    public long WarmUp { get; init; }

    /// <summary>The length to which all gradients together are shortened before an update (<see cref="Optimizer.ClipGradients"/>), above 0; null for none.</summary>
    public double? ClipNorm { get; init; }

    internal Optimizer CreateOptimizer(IReadOnlyList<Parameter> parameters) => Kind switch
    {
        OptimizerKind.Sgd => new Sgd(parameters, (float)Momentum, (float)WeightDecay),
        _ => new Adam(parameters, weightDecay: (float)WeightDecay),
    };

    internal LearningRateSchedule CreateSchedule(long steps)
    {
        LearningRateSchedule schedule = Schedule switch
        {
            ScheduleKind.Constant => new ConstantSchedule((float)LearningRate),
            ScheduleKind.Step => new StepSchedule((float)LearningRate, (float)StepGamma, StepEvery),
            ScheduleKind.Cosine => new CosineSchedule((float)LearningRate, steps),
            _ => new PolySchedule((float)LearningRate, (float)PolyPower, steps),
        };
        return WarmUp == 0 ? schedule : new WarmUpSchedule(schedule, WarmUp);
    }
}

/// <summary>Everything that decides the outcome of a training run. Written into the run folder as <c>config.json</c>.</summary>
public sealed record TrainingConfig
{
    private const int MostStepImages = 1 << 24;

    /// <summary>The network.</summary>
    public required ModelConfig Model { get; init; }

    /// <summary>Which part of it to train.</summary>
    public Recipe Recipe { get; init; } = Recipe.FrontEnd;

    /// <summary>The dataset folder.</summary>
    public required string Data { get; init; }

    /// <summary>The split to train on.</summary>
    public string TrainingSplit { get; init; } = "train";

    /// <summary>The split to validate on, or null for no validation.</summary>
    public string? ValidationSplit { get; init; } = "val";

    /// <summary>A checkpoint whose weights to start from, or null to start from scratch.</summary>
    public string? Weights { get; init; }

    /// <summary>The parameters that keep the values of <see cref="Weights"/>, or null where all learn. <see cref="Trainer.Start"/> can fill it in.</summary>
    public IReadOnlyList<string>? Frozen { get; init; }

    /// <summary>Images that are computed at once, 1 or more; all of a step's unless it accumulates.</summary>
    public int BatchSize { get; init; } = 4;

    /// <summary>
    /// Batches whose gradients a step adds up before its update, 1 or more; null is 1. The gradient is, to rounding, that of one batch of all their images, as the loss is
    /// the mean over the valid positions of the whole step.
    /// </summary>
    public int? Accumulate { get; init; }

    /// <summary>
    /// The network's input in pixels, margins included; <c>crop − 2·margin</c> is a multiple of the stride. An FCN or DeepLab has no margins and takes any size.
    /// With stored score maps, the crop of the map that this stands for; null there means whole maps.
    /// </summary>
    public Size2? Crop { get; init; }

    /// <summary>Whether half of the samples are mirrored left to right.</summary>
    public bool Mirror { get; init; } = true;

    /// <summary>Random changes of the images, or null for none.</summary>
    public AugmentationConfig? Augmentation { get; init; }

    /// <summary>Labels at the stride of the network, or at full resolution through the fixed bilinear upsampling.</summary>
    public LabelResolution Labels { get; init; } = LabelResolution.Stride;

    /// <summary>Where the context recipe takes its maps from.</summary>
    public ScoreMaps ScoreMaps { get; init; } = ScoreMaps.Stored;

    /// <summary>Steps in all, 1 or more.</summary>
    public long Steps { get; init; } = 1000;

    /// <summary>Steps between validations, 0 for one at the end only.</summary>
    public long ValidateEvery { get; init; } = 500;

    /// <summary>Validations in a row without a better mean IoU after which the run ends; 0 for never.</summary>
    public int EarlyStop { get; init; }

    /// <summary>Validation images, evenly spaced over their split, whose predictions are kept after every validation, 0 to 16.</summary>
    public int FollowedImages { get; init; } = 4;

    /// <summary>Steps between checkpoints, 1 or more.</summary>
    public long CheckpointEvery { get; init; } = 200;

    /// <summary>Names every random number of the run.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>How the network's activations and their gradients are stored. Weights, their gradients and the optimizer's states are float32.</summary>
    public ElementType Precision { get; init; } = ElementType.Float32;

    /// <summary>The optimizer and its schedule.</summary>
    public OptimizerConfig Optimizer { get; init; } = new();

    /// <summary>The loss; null is the cross-entropy of the softmax, without weights.</summary>
    public LossConfig? Loss { get; init; }

    /// <summary>Images in a step.</summary>
    internal int StepImages => BatchSize * (Accumulate ?? 1);

    /// <summary>Throws for the values that no run can use.</summary>
    /// <exception cref="UserInputException">A value is outside its range; the message names it.</exception>
    public void Validate()
    {
        Require(
            Enum.IsDefined(Recipe) && Enum.IsDefined(Labels) && Enum.IsDefined(ScoreMaps) && Enum.IsDefined(Precision) && Enum.IsDefined(Optimizer.Kind) && Enum.IsDefined(Optimizer.Schedule),
            "The configuration names a recipe, label resolution, kind of score maps, precision, optimizer or schedule that does not exist.");
        Require(BatchSize >= 1, $"The batch size is 1 or more; it was {BatchSize}.");
        Require(Accumulate is not < 1, $"A step accumulates 1 batch or more (--accumulate); it was {Accumulate}.");
        Require(
            (long)BatchSize * (Accumulate ?? 1) <= MostStepImages,
            $"A step has at most {MostStepImages} images; {Accumulate} batches (--accumulate) of {BatchSize} (--batch) are {(long)BatchSize * (Accumulate ?? 1)}.");
        Require(Steps >= 1, $"The number of steps is 1 or more; it was {Steps}.");
        Require(CheckpointEvery >= 1, $"The steps between checkpoints are 1 or more; they were {CheckpointEvery}.");
        Require(ValidateEvery >= 0, $"The steps between validations are 0 or more; they were {ValidateEvery}.");
        Require(
            FollowedImages is >= 0 and <= Training.FollowedImages.MostImages,
            $"The images that a run follows (--follow-images) are 0 to {Training.FollowedImages.MostImages}; they were {FollowedImages}.");
        Require(EarlyStop >= 0, $"The validations after which a run stops (--early-stop) are 0 or more; they were {EarlyStop}.");
        Require(EarlyStop == 0 || ValidationSplit is not null, "To stop early (--early-stop), the run needs a split to validate on (--val-split).");
        Require(EarlyStop == 0 || ValidateEvery > 0, "To stop early (--early-stop), the run must validate before its end (--validate-every).");
        Require((float)Optimizer.LearningRate is > 0 and < 1e6f, $"The learning rate is above 0 and below 1e6; it was {Optimizer.LearningRate}.");
        Require(Optimizer.Momentum is >= 0 and < 1, $"The momentum is in [0, 1); it was {Optimizer.Momentum}.");
        Require((float)Optimizer.WeightDecay is >= 0 and < 1e6f, $"The weight decay is 0 or more and below 1e6; it was {Optimizer.WeightDecay}.");
        Require((float)Optimizer.PolyPower is >= 0 and < 1e6f, $"The poly schedule's exponent is 0 or more and below 1e6; it was {Optimizer.PolyPower}.");
        Require((float)Optimizer.StepGamma is > 0 and < 1e6f, $"The step schedule's factor is above 0 and below 1e6; it was {Optimizer.StepGamma}.");
        Require(Optimizer.StepEvery >= 1, $"The step schedule drops every 1 or more steps; it was {Optimizer.StepEvery}.");
        Require(
            Optimizer.ClipNorm is not { } norm || (float)norm is > 0 and < float.PositiveInfinity,
            $"The length that gradients are clipped to (--clip-norm) is above 0 and finite; it was {Optimizer.ClipNorm}.");
        Require(Optimizer.WarmUp >= 0 && Optimizer.WarmUp <= Steps, $"The warm-up (--warm-up) has 0 steps or more, and no more than the run's {Steps}; it was {Optimizer.WarmUp}.");
        try
        {
            Model.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new UserInputException($"The network cannot be built: {ErrorText.Of(exception)}", exception);
        }

        Require(Model.HasTrunk, "The model has no front end.");
        Loss?.Validate(Model.Classes);
        Require(
            Augmentation?.ChangesImages != true || Recipe != Recipe.Context || ScoreMaps != ScoreMaps.Stored,
            "Stored score maps are those of the images as they are; to scale images or change their colours (--scale, --jitter), compute the maps on every crop (--score-maps live).");
        Require(
            Model.DeepLab is null || Labels == LabelResolution.Stride || Model.Crf is not null,
            "DeepLab's scores belong to every eighth pixel, and the fixed upsampling would move them by half a cell; train it on labels at its stride (--labels stride).");
        Require(Recipe == Recipe.FrontEnd || Model.Context is not null, $"The {Recipe} recipe trains a context module, but the model has none.");
        Require(Recipe != Recipe.FrontEnd || Model.Context is null, "The FrontEnd recipe would leave the model's context module untrained; use the Context or Joint recipe, or no context module.");
        Require(Model.Context?.Padding != ContextPadding.None, "A context module that is not padded makes fewer scores than there are labels; pad it Once or PerLayer.");
        Require(
            Recipe != Recipe.Joint || !Model.UpsampleInNetwork || Labels == LabelResolution.Full,
            "The network upsamples its scores itself, so joint training needs labels at full resolution (--labels full).");

        Require(
            Model.Crf is null || Recipe != Recipe.Context,
            "A CRF is trained on images, and the Context recipe trains on score maps; use the Joint recipe on the trained context module.");
        Require(Model.Crf is null || Labels == LabelResolution.Full, "A CRF works at the image's resolution; train it on labels at full resolution (--labels full).");

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new UserInputException(message);
            }
        }
    }
}
