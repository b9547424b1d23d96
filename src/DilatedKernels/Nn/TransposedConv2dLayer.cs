namespace DilatedKernels.Nn;

/// <summary>A transposed convolution without bias: the upsampling that a network learns.</summary>
public sealed class TransposedConv2dLayer : Module
{
    private readonly Parameter[] _parameters;

    /// <summary>Makes the layer with weights of zero; see <see cref="Initialization.Bilinear"/>.</summary>
    /// <param name="device">Where the weights live.</param>
    /// <param name="name">The weights are called <c>name.weight</c>.</param>
    /// <param name="inChannels">Channels of the input, 1 or more.</param>
    /// <param name="outChannels">Channels of the output, 1 or more.</param>
    /// <param name="kernel">Taps along height and width, 1 or more.</param>
    /// <param name="stride">Output rows per input row, 1 or more; likewise columns.</param>
    /// <param name="padding">Rows and columns left off at each side of the result, 0 or more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number of channels or a kernel extent is below 1.</exception>
    public TransposedConv2dLayer(Device device, string name, int inChannels, int outChannels, Size2 kernel, Size2 stride, Size2 padding = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(inChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outChannels, 1);
        Guard.AtLeast(kernel, 1, nameof(kernel));
        Name = name;
        Stride = stride;
        Padding = padding;
        Weight = new Parameter($"{name}.weight", Tensor.Zeros(device, new Shape(inChannels, outChannels, kernel.Height, kernel.Width)));
        _parameters = [Weight];
    }

    /// <summary>The layer's name within its network.</summary>
    public string Name { get; }

    /// <summary>Output rows and columns per input row and column.</summary>
    public Size2 Stride { get; }

    /// <summary>Rows and columns left off at each side.</summary>
    public Size2 Padding { get; }

    /// <summary>The kernel <c>[in, out, kh, kw]</c>.</summary>
    public Parameter Weight { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.TransposedConv2d(x, Weight.Value, Stride, Padding);

    /// <summary>Writes name, kernel shape and stride.</summary>
    public override string ToString() => $"{Name} {Weight.Value.Shape}, stride {Stride}";
}
