using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>One layer as the configuration asks for it: its sizes can be computed without any tensor, and the layer can be made.</summary>
internal abstract record LayerPlan(string Name, int OutChannels)
{
    public virtual string Kind => "";

    public virtual int Kernel => 1;

    public virtual int Stride => 1;

    public virtual int Dilation => 1;

    public virtual int Padding => 0;

    /// <summary>Cells between the first and the last that an output reads, inclusive.</summary>
    public int Extent => ((Kernel - 1) * Dilation) + 1;

    public virtual IReadOnlyList<(string Name, Shape Shape)> Parameters => [];

    /// <summary>Multiply-adds times two for one output value.</summary>
    public virtual long FlopsPerValue => 0;

    /// <summary>What the layer needs of the map before it, for a message about one that is too small.</summary>
    public virtual string Need => $"({Kernel}×{Kernel}, dilation {Dilation}) covers {Extent} cells";

    /// <summary>The output's extent along one axis; 0 or less where the layer does not fit.</summary>
    public virtual int OutExtent(int extent) => extent;

    /// <summary>The output's extent along one axis, from the extents of all that the layer reads.</summary>
    public virtual int OutExtent(ReadOnlySpan<int> extents) => OutExtent(extents[0]);

    /// <summary>Where the output's cells lie and what they see.</summary>
    public virtual MapPlacement Place(ReadOnlySpan<MapPlacement> inputs) => inputs[0].Under(Extent, Stride, Padding);

    public abstract Module Create(Device device);

    /// <summary>Gives a layer that <see cref="Create"/> made its fresh weights.</summary>
    public virtual void Initialize(Module layer, ulong seed)
    {
    }
}

internal sealed record ConvolutionPlan(string Name, int InChannels, int OutChannels, int KernelExtent, int DilationFactor, int PaddingAmount, bool Relu)
    : LayerPlan(Name, OutChannels)
{
    public int StrideAmount { get; init; } = 1;

    /// <summary>Factor on the layer's learning rate.</summary>
    public float LearningRate { get; init; } = 1;

    /// <summary>Gives the kernel its fresh values.</summary>
    public Action<Parameter, ulong> Start { get; init; } = Initialization.He;

    public override string Kind => Relu ? "conv + ReLU" : "conv";

    public override int Kernel => KernelExtent;

    public override int Stride => StrideAmount;

    public override int Dilation => DilationFactor;

    public override int Padding => PaddingAmount;

    public override IReadOnlyList<(string Name, Shape Shape)> Parameters =>
    [
        ($"{Name}.weight", new Shape(OutChannels, InChannels, KernelExtent, KernelExtent)),
        ($"{Name}.bias", Shape.PerChannel(OutChannels)),
    ];

    public override long FlopsPerValue => 2L * InChannels * KernelExtent * KernelExtent;

    public override int OutExtent(int extent)
    {
        int free = extent + (2 * PaddingAmount) - Extent;
        return free < 0 ? 0 : (free / StrideAmount) + 1;
    }

    public override Module Create(Device device) => new Conv2dLayer(
        device, Name, InChannels, OutChannels, KernelExtent, new Conv2dOptions { Stride = StrideAmount, Dilation = DilationFactor, Padding = PaddingAmount }, Relu, LearningRate);

    public override void Initialize(Module layer, ulong seed) => Start(((Conv2dLayer)layer).Weight, seed);
}

/// <summary>Max pooling, 2×2 of stride 2 unless it says otherwise.</summary>
internal sealed record PoolPlan(string Name, int OutChannels, PoolRounding Rounding) : LayerPlan(Name, OutChannels)
{
    public int KernelExtent { get; init; } = 2;

    public int StrideAmount { get; init; } = 2;

    public int PaddingAmount { get; init; }

    public override string Kind => "max pool";

    public override int Kernel => KernelExtent;

    public override int Stride => StrideAmount;

    public override int Padding => PaddingAmount;

    public override int OutExtent(int extent)
    {
        int free = extent + (2 * PaddingAmount) - KernelExtent;
        if (free < 0)
        {
            return 0;
        }

        if (Rounding == PoolRounding.Floor)
        {
            return (free / StrideAmount) + 1;
        }

        // A last window that would start past the input and the padding before it is dropped.
        int last = (free + StrideAmount - 1) / StrideAmount;
        return last * StrideAmount < extent + PaddingAmount ? last + 1 : last;
    }

    public override Module Create(Device device) => new MaxPool2dLayer(KernelExtent, StrideAmount, PaddingAmount, Rounding);
}

/// <summary>Average pooling of stride 1 that keeps its input's size; zeros in the padding count.</summary>
internal sealed record AveragePoolPlan(string Name, int OutChannels, int KernelExtent) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "average pool";

    public override int Kernel => KernelExtent;

    public override int Padding => KernelExtent / 2;

    public override long FlopsPerValue => (long)KernelExtent * KernelExtent;

    public override Module Create(Device device) => new AveragePool2dLayer(KernelExtent, Padding);
}

internal sealed record ScalePlan(string Name, int OutChannels, float Factor) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "scale";

    public override long FlopsPerValue => 1;

    public override Module Create(Device device) => new ScaleLayer(Factor);
}

internal sealed record DropoutPlan(string Name, int OutChannels, float Rate, int Index) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "dropout";

    public override Module Create(Device device) => new DropoutLayer(Rate, Index);
}

internal sealed record ReflectionPadPlan(string Name, int OutChannels, int Amount) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "reflection pad";

    public override int Padding => Amount;

    public override string Need => $"mirrors {Amount} cells at each side";

    // A mirror image is never as wide as the map itself.
    public override int OutExtent(int extent) => extent > Amount ? extent + (2 * Amount) : 0;

    public override Module Create(Device device) => new ReflectionPadLayer(Amount);
}
