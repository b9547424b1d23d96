using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Crf;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The layers that a configuration asks for, each with what it reads, in order of computation, and what follows from them about sizes.</summary>
internal sealed class Architecture
{
    /// <summary>What the names of a CRF's parameters begin with.</summary>
    public const string CrfName = "crf";

    public Architecture(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        InChannels = config.HasTrunk ? 3 : config.Classes;
        OutChannels = config.Classes;
        var plan = new PlanBuilder(InChannels);
        if (config.HasTrunk && config.InputScale != 1)
        {
            plan.Then(new ScalePlan("scale", InChannels, (float)config.InputScale));
        }

        FrontEndPlan.AddTo(plan, config.FrontEnd);
        FcnPlan.AddTo(plan, config.Fcn);
        DeepLabPlan.AddTo(plan, config.DeepLab);
        int trunk = plan.Nodes.Count;
        ContextPlan.AddTo(plan, config.Context);
        int scores = plan.Nodes.Count;
        MapPlacement cells = plan.Nodes[^1].Placement;
        (Margin, Stride, ReceptiveField) = cells;
        if (config.UpsampleInNetwork)
        {
            plan.Then(new DeconvolutionPlan("upsample", config.Classes, Stride));
        }

        Nodes = plan.Nodes;
        Layers = [.. Nodes.Select(node => node.Layer)];
        FrontEnd = [.. Layers.Take(trunk)];
        Context = [.. Layers.Take(trunk..scores)];
        Upsampling = [.. Layers.Skip(scores)];
        Parameters =
        [
            .. Layers.SelectMany(layer => layer.Parameters),
            .. config.Crf is { } crf ? CrfRnn.ParametersOf(crf, CrfName) : [],
        ];
    }

    /// <summary>The names and shapes of all parameters, a CRF's last.</summary>
    public IReadOnlyList<(string Name, Shape Shape)> Parameters { get; }

    /// <summary>All layers and what each reads. The last one's output is the network's.</summary>
    public IReadOnlyList<NodePlan> Nodes { get; }

    /// <summary>The layers of <see cref="Nodes"/>: those of the part from image to scores, then the context module's, then the upsampling.</summary>
    public IReadOnlyList<LayerPlan> Layers { get; }

    public IReadOnlyList<LayerPlan> FrontEnd { get; }

    public IReadOnlyList<LayerPlan> Context { get; }

    public IReadOnlyList<LayerPlan> Upsampling { get; }

    public int InChannels { get; }

    public int OutChannels { get; }

    /// <summary>Input pixels from one cell to the next, before any upsampling after the context module.</summary>
    public int Stride { get; }

    /// <summary>Input pixels that one cell's scores depend on, along each axis.</summary>
    public int ReceptiveField { get; }

    /// <summary>Input pixels that the unpadded layers take away on each side.</summary>
    public int Margin { get; }

    public Size2 OutputSize(Size2 input) => Sizes(input)[^1];

    /// <summary>The size after each layer; refuses an input that is too small for one.</summary>
    public Size2[] Sizes(Size2 input)
    {
        int[] heights = Extents(input.Height);
        int[] widths = Extents(input.Width);
        Size2[] sizes = [.. heights.Zip(widths, (height, width) => new Size2(height, width))];
        int tooSmall = Array.FindIndex(sizes, size => size.Height < 1 || size.Width < 1);
        if (tooSmall >= 0)
        {
            (LayerPlan layer, IReadOnlyList<int> inputs, _) = Nodes[tooSmall];
            Size2 before = inputs[0] == Graph.Input ? input : sizes[inputs[0]];
            throw new ArgumentException(
                $"The input {input} is too small: layer {layer.Name} {layer.Need}, but the map before it is {before}. The smallest input is {SmallestInput()}×{SmallestInput()}.", nameof(input));
        }

        return sizes;
    }

    // Along one axis; what comes after a layer that does not fit is 0.
    private int[] Extents(int input)
    {
        int[] extents = new int[Nodes.Count];
        for (int i = 0; i < extents.Length; i++)
        {
            int[] read = [.. Nodes[i].Inputs.Select(position => position == Graph.Input ? input : extents[position])];
            extents[i] = read.Min() < 1 ? 0 : Math.Max(0, Nodes[i].Layer.OutExtent(read));
        }

        return extents;
    }

    private int SmallestInput()
    {
        int low = 1;
        int high = 1 << 24;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = Extents(middle)[^1] >= 1 ? (low, middle) : (middle + 1, high);
        }

        return low;
    }
}
