using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>
/// What is compared, and with which budget. Every network from image to scores gets the same steps of the same number of images, and every context module the
/// same on the stored score maps of its trained network (Yu and Koltun 2016, section 5). Written into the folder as <c>compare.config.json</c>, with fingerprints of the data.
/// </summary>
public sealed record CompareConfig
{
    /// <summary>The dataset folder.</summary>
    public required string Data { get; init; }

    /// <summary>The split to train on.</summary>
    public string TrainingSplit { get; init; } = "train";

    /// <summary>The split to score on. Nothing is chosen by it: the last checkpoint counts, not the best.</summary>
    public string ValidationSplit { get; init; } = "val";

    /// <summary>The systems by name, as <see cref="ComparedSystem.Parse"/> reads them.</summary>
    public IReadOnlyList<string> Systems { get; init; } = [.. ComparedSystem.Paper.Select(system => system.Name)];

    /// <summary>One run of every system a seed; 1 or more, different ones.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [1, 2];

    /// <summary>Factor on the channels of VGG-16.</summary>
    public double Width { get; init; } = 1;

    /// <summary>Dropout rate after fc6 and fc7.</summary>
    public float Dropout { get; init; } = 0.5f;

    /// <summary>Steps of every network from image to scores.</summary>
    public long Steps { get; init; } = 1000;

    /// <summary>Images in each of them.</summary>
    public int BatchSize { get; init; } = 4;

    /// <summary>The front end's input in pixels, margins of 186 included: 564 has 24×24 cells.</summary>
    public Size2 Crop { get; init; } = 564;

    /// <summary>The input in pixels of networks that pad their maps.</summary>
    public Size2 PaddedCrop { get; init; } = 321;

    /// <summary>Steps of every context module.</summary>
    public long ContextSteps { get; init; } = 1000;

    /// <summary>Score maps in each of them.</summary>
    public int ContextBatchSize { get; init; } = 8;

    /// <summary>The learning rate at the start, falling as <c>(1 − step/steps)^0.9</c>, by Adam.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>How the activations are stored.</summary>
    public ElementType Precision { get; init; } = ElementType.Float32;

    /// <summary>The CRF that every system is also scored with, or null.</summary>
    public DenseCrfConfig? Crf { get; init; }

    /// <summary>
    /// Steps in which every trained system is trained on with a CRF behind it (Zheng et al. 2015), which starts from <see cref="Crf"/>'s kernels and weights,
    /// or CRF-RNN's where there is none; at a tenth of the learning rate, with the batches of the network from image to scores. 0, the default, leaves such systems out.
    /// </summary>
    public long CrfRnnSteps { get; init; }

    /// <summary>Checks what does not need the dataset.</summary>
    /// <exception cref="UserInputException">A value is outside its range or a system does not exist; the message names it.</exception>
    public void Validate()
    {
        Require(Systems.Count >= 1, "Name one system or more.");
        ComparedSystem[] systems = [.. Systems.Select(ComparedSystem.Parse)];
        Require(systems.Distinct().Count() == systems.Length, "A system is named twice.");
        Require(Seeds.Count >= 1 && Seeds.Distinct().Count() == Seeds.Count, "Name one seed or more, each once.");
        Require(Width is > 0 and <= 64, $"The width is above 0 and at most 64; it was {Width}.");
        Require(ContextSteps >= 1 && ContextBatchSize >= 1, $"The context modules' steps and batch are 1 or more; they were {ContextSteps} and {ContextBatchSize}.");
        Require(CrfRnnSteps >= 0, $"The steps with a CRF are 0 or more; they were {CrfRnnSteps}.");
        Crf?.Validate();

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new UserInputException(message);
            }
        }
    }

    /// <summary>The run of a network from image to scores.</summary>
    internal TrainingConfig TrunkRun(ComparedSystem system, ClassSet classes, ulong seed)
    {
        ModelConfig network = (system with { Context = null }).Network(this, classes);
        return Run(network, seed) with
        {
            Recipe = Recipe.FrontEnd,
            Crop = network.FrontEnd is null ? PaddedCrop : Crop,
            Steps = Steps,
            BatchSize = BatchSize,
        };
    }

    /// <summary>The run of a system's context module on the score maps of its trained network.</summary>
    internal TrainingConfig ContextRun(ComparedSystem system, ClassSet classes, ulong seed, string weights) =>
        Run(system.Network(this, classes), seed) with
        {
            Recipe = Recipe.Context,
            Weights = weights,
            Steps = ContextSteps,
            BatchSize = ContextBatchSize,
        };

    /// <summary>The run of a trained system with a CRF behind it.</summary>
    internal TrainingConfig CrfRnnRun(ComparedSystem system, ClassSet classes, ulong seed, string weights)
    {
        ModelConfig network = system.Network(this, classes);
        TrainingConfig run = Run(network with { Name = $"{network.Name}+crf-rnn", Crf = CrfRnnConfig.From(Crf ?? DenseCrfConfig.CrfRnn, classes.Count) }, seed);
        return run with
        {
            Recipe = system.Context is null ? Recipe.FrontEnd : Recipe.Joint,
            Weights = weights,
            Labels = LabelResolution.Full,
            Crop = network.FrontEnd is null ? PaddedCrop : Crop,
            Steps = CrfRnnSteps,
            BatchSize = BatchSize,
            Optimizer = run.Optimizer with { LearningRate = LearningRate / 10 },
        };
    }

    private TrainingConfig Run(ModelConfig network, ulong seed) => new()
    {
        Model = network,
        Data = Data,
        TrainingSplit = TrainingSplit,
        ValidationSplit = null,
        Seed = seed,
        Precision = Precision,
        Optimizer = new OptimizerConfig { Kind = OptimizerKind.Adam, LearningRate = LearningRate, WeightDecay = 0 },
    };
}
