using System.Globalization;
using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Crf;

namespace DilatedKernels.Segmentation.Models;

/// <summary>
/// A network from images to class scores: front end, FCN or DeepLab, context module, or one of them with it, built from a <see cref="ModelConfig"/>.
/// Input is <c>[N, 3, H, W]</c>, blue, green, red with the mean subtracted; a context module alone takes <c>[N, C, H, W]</c> scores.
/// Input, scores and parameters are float32, whatever type the activations between them have.
/// </summary>
public sealed class SegmentationModel : Module
{
    private readonly Architecture _architecture;
    private readonly Module[] _modules;
    private readonly Graph _graph;
    private readonly Graph _cells;
    private readonly Parameter[] _parameters;

    private SegmentationModel(Device device, ModelConfig config, Architecture architecture, ElementType computeType)
    {
        Device = device;
        Config = config;
        ComputeType = computeType;
        _architecture = architecture;
        _modules = Create(device, architecture);
        int trunk = architecture.FrontEnd.Count;
        FrontEnd = trunk == 0 ? null : Part(0, trunk);
        Context = architecture.Context.Count == 0 ? null : Part(trunk, architecture.Context.Count);
        // One graph of all layers, so that each layer's output is freed right after its last reader.
        _graph = Part(0, _modules.Length);
        _cells = config.UpsampleInNetwork ? Part(0, _modules.Length - architecture.Upsampling.Count) : _graph;
        Crf = config.Crf is null ? null : new CrfRnn(device, config.Crf, Architecture.CrfName);
        _parameters = [.. _graph.Parameters, .. Crf?.Parameters ?? []];
    }

    /// <summary>What the network was built from.</summary>
    public ModelConfig Config { get; }

    /// <summary>Where its parameters are.</summary>
    public Device Device { get; }

    /// <summary>The type of the activations between input and scores.</summary>
    public ElementType ComputeType { get; }

    /// <summary>The part from image to scores, be it a front end, an FCN or DeepLab, or null.</summary>
    public Graph? FrontEnd { get; }

    /// <summary>The context module, or null.</summary>
    public Graph? Context { get; }

    /// <summary>The CRF behind the scores, or null.</summary>
    public CrfRnn? Crf { get; }

    /// <summary>The number of classes, C.</summary>
    public int Classes => Config.Classes;

    /// <summary>Input pixels from one score cell to the next, before any upsampling after them: 8 for VGG-16 and DeepLab, 1 for an FCN and for a context module alone.</summary>
    public int Stride => _architecture.Stride;

    /// <summary>Input pixels from one score of <see cref="Forward"/>'s result to the next: <see cref="Stride"/>, or 1 with upsampling in the network.</summary>
    public int OutputStride => Config.UpsampleInNetwork ? 1 : Stride;

    /// <summary>
    /// Input pixels on each side that get no score of their own: (receptive field − stride) / 2 where nothing is padded, 186 for VGG-16; 0 for an FCN and DeepLab.
    /// Score (0, 0) belongs to input pixel (margin, margin).
    /// </summary>
    public int Margin => _architecture.Margin;

    /// <summary>
    /// Whether the part from image to scores pads its maps with zeros, as an FCN and DeepLab do: then it takes an image of any size as it is, and its
    /// scores, at every <see cref="Stride"/>-th pixel from the first, depend on where the image ends, so that it cannot be computed in tiles.
    /// </summary>
    public bool IsPadded => Config.IsPadded;

    /// <summary>Input pixels that one cell's scores depend on, along each axis.</summary>
    public int ReceptiveField => _architecture.ReceptiveField;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>
    /// Builds the network with fresh weights: He et al. 2015 for the trunk, Gaussian for its last layer, 0 for the scores of an FCN, bilinear for what it
    /// learns to upsample with, as configured for the context module, 0 for biases.
    /// </summary>
    /// <param name="device">Where to put the parameters.</param>
    /// <param name="config">The network.</param>
    /// <param name="seed">The run's seed: equal seeds give equal weights.</param>
    /// <param name="computeType">The type of the activations between input and scores.</param>
    /// <exception cref="ArgumentException">The configuration is wrong; the message says where.</exception>
    /// <exception cref="InsufficientMemoryException">The processor has no memory for its weights.</exception>
    public static SegmentationModel Create(Device device, ModelConfig config, ulong seed, ElementType computeType = ElementType.Float32)
    {
        SegmentationModel model = CreateZero(device, config, computeType);
        try
        {
            for (int i = 0; i < model._modules.Length; i++)
            {
                model._architecture.Nodes[i].Layer.Initialize(model._modules[i], seed);
            }

            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The extents of <see cref="Forward"/>'s result.</summary>
    /// <param name="input">The extents of the input, margins included.</param>
    /// <exception cref="ArgumentException">The input is too small; the message names the layer and the smallest input.</exception>
    public Size2 OutputSize(Size2 input) => _architecture.OutputSize(input);

    /// <summary>Computes scores, not normalised, and before the CRF of a network that has one.</summary>
    /// <param name="x">Input <c>[N, 3, H, W]</c>, or <c>[N, C, H, W]</c> for a context module alone.</param>
    /// <param name="context">Training or prediction.</param>
    /// <returns><c>[N, C, h, w]</c> with (h, w) = <see cref="OutputSize"/>.</returns>
    /// <exception cref="ArgumentException">The input has other channels or is too small.</exception>
    public override Tensor Forward(Tensor x, ForwardContext context) => Run(_graph, x, context);

    /// <summary><see cref="Forward"/> without the upsampling of a network that has one: the scores of cells, one every <see cref="Stride"/> pixels.</summary>
    internal Tensor ForwardCells(Tensor x, ForwardContext context) => Run(_cells, x, context);

    /// <summary>Computes scores at the image's resolution after the CRF, not normalised.</summary>
    /// <param name="x">Input <c>[N, 3, H, W]</c>, margins included.</param>
    /// <param name="context">Training or prediction.</param>
    /// <returns><c>[N, C, H − 2·<see cref="Margin"/>, W − 2·<see cref="Margin"/>]</c>.</returns>
    /// <exception cref="InvalidOperationException">The network has no CRF.</exception>
    /// <exception cref="ArgumentException">The input has other channels or is too small.</exception>
    public Tensor ForwardRefined(Tensor x, ForwardContext context)
    {
        Tensor scores = Forward(x, context);
        return Refine(scores, Ops.Crop(x, Margin, Margin, x.Shape.H - (2 * Margin), x.Shape.W - (2 * Margin)), context);
    }

    /// <summary>Enlarges scores to an image's resolution and refines them.</summary>
    /// <param name="scores">The scores of the image's cells <c>[N, C, h, w]</c>, whose first is its first pixel's.</param>
    /// <param name="image">The image without margins <c>[N, 3, H, W]</c>, H at most h·stride.</param>
    /// <param name="context">Training or prediction.</param>
    internal Tensor Refine(Tensor scores, Tensor image, ForwardContext context)
    {
        CrfRnn crf = Crf ?? throw new InvalidOperationException($"The network {Config.Name} has no CRF.");
        Tensor full = Stride == 1 ? scores : Ops.UpsampleBilinear(scores, scores.Shape.H * Stride, scores.Shape.W * Stride, BilinearAlignment.CellOrigin);
        bool isLarger = full.Shape.H != image.Shape.H || full.Shape.W != image.Shape.W;
        return crf.Forward(isLarger ? Ops.Crop(full, 0, 0, image.Shape.H, image.Shape.W) : full, image, context);
    }

    /// <summary>Sets whether the front end learns. Off, its weights stay and no gradients are computed for it: for training the context module alone.</summary>
    /// <param name="isTrainable">True to learn.</param>
    /// <exception cref="InvalidOperationException">The network has no front end.</exception>
    public void SetFrontEndTrainable(bool isTrainable) => SetTrainable(FrontEnd, "front end", isTrainable);

    /// <summary>Sets whether the context module learns.</summary>
    /// <param name="isTrainable">True to learn.</param>
    /// <exception cref="InvalidOperationException">The network has no context module.</exception>
    public void SetContextTrainable(bool isTrainable) => SetTrainable(Context, "context module", isTrainable);

    /// <summary>Builds the network with zeros for weights, to be filled from a file.</summary>
    internal static SegmentationModel CreateZero(Device device, ModelConfig config, ElementType computeType)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new SegmentationModel(device, config, new Architecture(config), computeType);
    }

    /// <summary>A system that gives out more memory than there is ends the process once it is written; a GPU's driver refuses on its own.</summary>
    private static void CheckMemory(Device device, Architecture architecture)
    {
        long count = architecture.Parameters.Sum(parameter => parameter.Shape.Count);
        if (device.IsCpu && count * sizeof(float) > device.FreeBytes)
        {
            throw new InsufficientMemoryException(string.Create(
                CultureInfo.InvariantCulture,
                $"The network has {count:N0} weights and biases, {MemoryAdvice.Free(count * sizeof(float))}; {MemoryAdvice.Free(device.FreeBytes)} is free. One of a smaller width would fit."));
        }
    }

    private static Module[] Create(Device device, Architecture architecture)
    {
        CheckMemory(device, architecture);
        var modules = new List<Module>();
        try
        {
            foreach (NodePlan node in architecture.Nodes)
            {
                modules.Add(node.Layer.Create(device));
            }

            return [.. modules];
        }
        catch
        {
            modules.ForEach(module => module.Dispose());
            throw;
        }
    }

    /// <summary>A run of layers whose first reads what the layer before the run made.</summary>
    private Graph Part(int start, int count)
    {
        IEnumerable<GraphNode> nodes = _modules.Skip(start).Take(count).Select((module, i) => Node(module, _architecture.Nodes[start + i].Inputs, -start));
        if (ComputeType == ElementType.Float32)
        {
            return new Graph(nodes);
        }

        // Behind the first cast every position is one later, and the input's is the cast's own.
        IEnumerable<GraphNode> narrow = nodes.Select(node => Node(node.Module, node.Inputs, 1));
        return new Graph([Node(new CastLayer(ComputeType), [Graph.Input], 0), .. narrow, Node(new CastLayer(ElementType.Float32), [count], 0)]);

        static GraphNode Node(Module module, IReadOnlyList<int> inputs, int shift) => new(module, [.. inputs.Select(input => input + shift)]);
    }

    private Tensor Run(Graph graph, Tensor x, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Shape.C != _architecture.InChannels)
        {
            throw new ArgumentException($"The network {Config.Name} takes {_architecture.InChannels} channels; the input {x.Shape} has {x.Shape.C}.", nameof(x));
        }

        OutputSize(new Size2(x.Shape.H, x.Shape.W));
        return graph.Forward(x, context);
    }

    private void SetTrainable(Graph? part, string name, bool isTrainable)
    {
        if (part is null)
        {
            throw new InvalidOperationException($"The network {Config.Name} has no {name}.");
        }

        foreach (Parameter parameter in part.Parameters)
        {
            parameter.IsTrainable = isTrainable;
        }
    }
}
