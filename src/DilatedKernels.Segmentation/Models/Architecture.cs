namespace DilatedKernels.Segmentation.Models;

/// <summary>The layers that a configuration asks for, in order, and what follows from them about sizes.</summary>
internal sealed class Architecture
{
    public Architecture(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        FrontEnd = config.FrontEnd is { } frontEnd ? PlanFrontEnd(frontEnd, config.InputScale) : [];
        Context = config.Context is { } context ? PlanContext(context) : [];
        foreach (LayerPlan pool in FrontEnd.OfType<PoolPlan>())
        {
            Stride *= pool.Stride;
        }

        Upsampling = config.UpsampleInNetwork ? [new DeconvolutionPlan("upsample", config.Classes, Stride)] : [];
        InChannels = config.FrontEnd is null ? config.Classes : 3;
        OutChannels = config.Classes;
        Layers = [.. FrontEnd, .. Context, .. Upsampling];

        int jump = 1;
        int padded = 0;
        foreach (LayerPlan layer in FrontEnd.Concat(Context))
        {
            ReceptiveField += (layer.Extent - 1) * jump;
            padded += layer.Padding * jump;
            jump *= layer.Stride;
        }

        Margin = ((ReceptiveField - Stride) / 2) - padded;
    }

    public IReadOnlyList<LayerPlan> FrontEnd { get; }

    public IReadOnlyList<LayerPlan> Context { get; }

    public IReadOnlyList<LayerPlan> Upsampling { get; }

    public IReadOnlyList<LayerPlan> Layers { get; }

    public int InChannels { get; }

    public int OutChannels { get; }

    /// <summary>Input pixels from one cell to the next.</summary>
    public int Stride { get; } = 1;

    /// <summary>Input pixels that one cell's scores depend on, along each axis.</summary>
    public int ReceptiveField { get; } = 1;

    /// <summary>Input pixels that the unpadded layers take away on each side.</summary>
    public int Margin { get; }

    public Size2 OutputSize(Size2 input)
    {
        Size2 size = input;
        foreach (LayerPlan layer in Layers)
        {
            size = NextSize(layer, size, input);
        }

        return size;
    }

    /// <summary>The size after a layer; refuses an input that is too small for it.</summary>
    public Size2 NextSize(LayerPlan layer, Size2 size, Size2 input)
    {
        var next = new Size2(layer.OutExtent(size.Height), layer.OutExtent(size.Width));
        if (next.Height < 1 || next.Width < 1)
        {
            string need = layer is ReflectionPadPlan
                ? $"mirrors {layer.Padding} cells at each side"
                : $"({layer.Kernel}×{layer.Kernel}, dilation {layer.Dilation}) covers {layer.Extent} cells";
            throw new ArgumentException(
                $"The input {input} is too small: layer {layer.Name} {need}, but the map before it is {size}. The smallest input is {SmallestInput()}×{SmallestInput()}.", nameof(input));
        }

        return next;
    }

    private int SmallestInput()
    {
        int low = 1;
        int high = 1 << 24;
        while (low < high)
        {
            int middle = (low + high) / 2;
            int extent = middle;
            foreach (LayerPlan layer in Layers)
            {
                extent = extent < 1 ? 0 : layer.OutExtent(extent);
            }

            (low, high) = extent >= 1 ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private static List<LayerPlan> PlanFrontEnd(FrontEndConfig config, double inputScale)
    {
        var layers = new List<LayerPlan>();
        int channels = 3;
        if (inputScale != 1)
        {
            layers.Add(new ScalePlan("scale", channels, (float)inputScale));
        }

        for (int s = 0; s < config.Stages.Count; s++)
        {
            Stage stage = config.Stages[s];
            for (int i = 1; i <= stage.Convolutions; i++)
            {
                int width = config.Scale(stage.Channels);
                layers.Add(new ConvolutionPlan($"conv{s + 1}_{i}", channels, width, 3, stage.Dilation, 0, Relu: true));
                channels = width;
            }

            if (stage.PoolAfter)
            {
                layers.Add(new PoolPlan($"pool{s + 1}", channels, config.PoolRounding));
            }
        }

        int fc = config.Scale(config.FcChannels);
        layers.Add(new ConvolutionPlan("fc6", channels, fc, config.FcKernel, config.FcDilation, 0, Relu: true));
        layers.Add(new DropoutPlan("drop6", fc, config.Dropout, 0));
        layers.Add(new ConvolutionPlan("fc7", fc, fc, 1, 1, 0, Relu: true));
        layers.Add(new DropoutPlan("drop7", fc, config.Dropout, 1));
        layers.Add(new ConvolutionPlan("final", fc, config.Classes, 1, 1, 0, Relu: false));
        return layers;
    }

    private static List<LayerPlan> PlanContext(ContextConfig config)
    {
        var layers = new List<LayerPlan>();
        // A 3×3 layer at dilation l takes l cells away on each side.
        int once = config.Padding == ContextPadding.Once ? config.Dilations.Sum() : 0;
        if (once > 0 && config.PaddingMode == PaddingMode.Reflect)
        {
            layers.Add(new ReflectionPadPlan("context.pad", config.Classes, once));
            once = 0;
        }

        int channels = config.Classes;
        IReadOnlyList<int> multipliers = config.Multipliers;
        for (int i = 0; i < config.Dilations.Count; i++)
        {
            int dilation = config.Dilations[i];
            int padding = config.Padding == ContextPadding.PerLayer ? dilation : i == 0 ? once : 0;
            int width = config.Classes * multipliers[i];
            layers.Add(new ConvolutionPlan($"context.conv{i + 1}", channels, width, 3, dilation, padding, Relu: true));
            channels = width;
        }

        layers.Add(new ConvolutionPlan($"context.conv{config.Dilations.Count + 1}", channels, config.Classes, 1, 1, 0, Relu: false));
        return layers;
    }
}
