namespace DilatedKernels.Nn;

/// <summary>A dilated convolution with bias and, if asked for, ReLU (Yu and Koltun 2016, section 2).</summary>
public sealed class Conv2dLayer : Module
{
    private readonly Parameter[] _parameters;

    /// <summary>Makes the layer with weights and biases of zero; see <see cref="Initialization"/>.</summary>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="name">The parameters are called <c>name.weight</c> and <c>name.bias</c>.</param>
    /// <param name="inChannels">Channels of the input, 1 or more.</param>
    /// <param name="outChannels">Channels of the output, 1 or more.</param>
    /// <param name="kernel">Taps along height and width, 1 or more.</param>
    /// <param name="options">Stride, dilation and padding; null for <see cref="Conv2dOptions.Default"/>.</param>
    /// <param name="relu">Whether the output is truncated at zero.</param>
    /// <param name="learningRate">Factor on the learning rate of the whole layer.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number of channels or a kernel extent is below 1.</exception>
    public Conv2dLayer(Device device, string name, int inChannels, int outChannels, Size2 kernel, Conv2dOptions? options = null, bool relu = false, float learningRate = 1f)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(inChannels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outChannels, 1);
        Guard.AtLeast(kernel, 1, nameof(kernel));
        Name = name;
        Options = options ?? Conv2dOptions.Default;
        Relu = relu;
        Weight = new Parameter($"{name}.weight", Tensor.Zeros(device, new Shape(outChannels, inChannels, kernel.Height, kernel.Width)))
        {
            LearningRateMultiplier = learningRate,
        };
        try
        {
            // Twice the rate and no decay for biases: the recipe of the paper's released training code, from Caffe's VGG nets.
            Bias = new Parameter($"{name}.bias", Tensor.Zeros(device, Shape.PerChannel(outChannels)))
            {
                LearningRateMultiplier = 2f * learningRate,
                WeightDecayMultiplier = 0f,
            };
        }
        catch
        {
            Weight.Dispose();
            throw;
        }

        _parameters = [Weight, Bias];
    }

    /// <summary>The layer's name within its network.</summary>
    public string Name { get; }

    /// <summary>Stride, dilation and padding.</summary>
    public Conv2dOptions Options { get; }

    /// <summary>Whether the output is truncated at zero.</summary>
    public bool Relu { get; }

    /// <summary>The kernel <c>[out, in, kh, kw]</c>.</summary>
    public Parameter Weight { get; }

    /// <summary>One value per output channel, <c>[1, out, 1, 1]</c>.</summary>
    public Parameter Bias { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context) => Ops.Conv2d(x, Weight.Value, Bias.Value, Options, Relu);

    /// <summary>Writes name, kernel shape and dilation.</summary>
    public override string ToString() => $"{Name} {Weight.Value.Shape}, dilation {Options.Dilation}";
}
