using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Models;

/// <summary>A layer that enlarges its input by a whole factor with a kernel of 2·scale (scale even), at stride scale.</summary>
internal abstract record UpsamplingPlan(string Name, int OutChannels, int Scale) : LayerPlan(Name, OutChannels)
{
    public override int Kernel => 2 * Scale;

    public override int Stride => Scale;

    public override int OutExtent(int extent) => extent < 1 ? 0 : (extent * Scale) + Scale - (2 * Padding);

    public override MapPlacement Place(ReadOnlySpan<MapPlacement> inputs) => inputs[0].Enlarged(Scale, Padding);
}

/// <summary>Fixed bilinear deconvolution of every channel by itself: padding scale / 2, or none.</summary>
internal sealed record DeconvolutionPlan(string Name, int OutChannels, int Scale, bool Padded = true) : UpsamplingPlan(Name, OutChannels, Scale)
{
    public override string Kind => "bilinear deconv";

    public override int Padding => Padded ? Scale / 2 : 0;

    // Four cells contribute to an output pixel.
    public override long FlopsPerValue => 8;

    public override Module Create(Device device) => new BilinearDeconvolutionLayer(Scale, Padded);
}

/// <summary>Learned deconvolution over all channels, without bias or padding; it begins as the bilinear one.</summary>
internal sealed record TransposedConvolutionPlan(string Name, int OutChannels, int Scale) : UpsamplingPlan(Name, OutChannels, Scale)
{
    public override string Kind => "learned deconv";

    public override IReadOnlyList<(string Name, Shape Shape)> Parameters => [($"{Name}.weight", new Shape(OutChannels, OutChannels, Kernel, Kernel))];

    // Two taps along each axis meet at an output.
    public override long FlopsPerValue => 2L * OutChannels * 4;

    public override Module Create(Device device) => new TransposedConv2dLayer(device, Name, OutChannels, OutChannels, Kernel, Scale);

    public override void Initialize(Module layer, ulong seed) => Initialization.Bilinear(((TransposedConv2dLayer)layer).Weight);
}
