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

    /// <summary>The output's extent along one axis; 0 or less where the layer does not fit.</summary>
    public virtual int OutExtent(int extent) => extent;

    /// <summary>Multiply-adds times two for one output value.</summary>
    public virtual long FlopsPerValue => 0;

    public abstract Module Create(Device device);
}

internal sealed record ConvolutionPlan(string Name, int InChannels, int OutChannels, int KernelExtent, int DilationFactor, int PaddingAmount, bool Relu)
    : LayerPlan(Name, OutChannels)
{
    public override string Kind => Relu ? "conv + ReLU" : "conv";

    public override int Kernel => KernelExtent;

    public override int Dilation => DilationFactor;

    public override int Padding => PaddingAmount;

    public override IReadOnlyList<(string Name, Shape Shape)> Parameters =>
    [
        ($"{Name}.weight", new Shape(OutChannels, InChannels, KernelExtent, KernelExtent)),
        ($"{Name}.bias", Shape.PerChannel(OutChannels)),
    ];

    public override long FlopsPerValue => 2L * InChannels * KernelExtent * KernelExtent;

    public override int OutExtent(int extent) => extent + (2 * PaddingAmount) - Extent + 1;

    public override Module Create(Device device) => new Conv2dLayer(
        device, Name, InChannels, OutChannels, KernelExtent, new Conv2dOptions { Dilation = DilationFactor, Padding = PaddingAmount }, Relu);
}

/// <summary>2×2 max pooling of stride 2.</summary>
internal sealed record PoolPlan(string Name, int OutChannels, PoolRounding Rounding) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "max pool";

    public override int Kernel => 2;

    public override int Stride => 2;

    public override int OutExtent(int extent) => Rounding == PoolRounding.Ceiling && extent > 1 ? (extent + 1) / 2 : extent / 2;

    public override Module Create(Device device) => new MaxPool2dLayer(2, 2, 0, Rounding);
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

    // A mirror image is never as wide as the map itself.
    public override int OutExtent(int extent) => extent > Amount ? extent + (2 * Amount) : 0;

    public override Module Create(Device device) => new ReflectionPadLayer(Amount);
}

/// <summary>Fixed bilinear deconvolution: kernel 2·scale, stride scale, padding scale / 2.</summary>
internal sealed record DeconvolutionPlan(string Name, int OutChannels, int Scale) : LayerPlan(Name, OutChannels)
{
    public override string Kind => "bilinear deconv";

    public override int Kernel => 2 * Scale;

    public override int Stride => Scale;

    public override int Padding => Scale / 2;

    // Four cells contribute to an output pixel.
    public override long FlopsPerValue => 8;

    public override int OutExtent(int extent) => extent * Scale;

    public override Module Create(Device device) => new BilinearDeconvolutionLayer(Scale);
}
