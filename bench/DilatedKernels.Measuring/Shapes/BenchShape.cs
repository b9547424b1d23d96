using System.Text.Json.Serialization;
using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>One entry of bench/shapes.json; bench/README.md says what the fields mean for each operator.</summary>
/// <param name="Name">Unique; groups of devices start it.</param>
/// <param name="Operator">One of <see cref="BenchOperator.All"/>.</param>
/// <param name="Passes">What is timed; which are possible depends on the operator.</param>
/// <param name="Groups">What <c>--group</c> takes.</param>
/// <param name="Batch">N.</param>
/// <param name="Channels">C of the input.</param>
/// <param name="Height">H of the input.</param>
/// <param name="Width">W of the input.</param>
/// <param name="Out">Output channels of a convolution.</param>
/// <param name="Kernel">Taps along each axis of a convolution, or the window and stride of a pooling.</param>
/// <param name="Stride">Of a convolution.</param>
/// <param name="Dilation">Of a convolution.</param>
/// <param name="Padding">Of a convolution.</param>
/// <param name="Relu">Whether a convolution ends with ReLU.</param>
/// <param name="Scale">Of an upsampling.</param>
/// <param name="Parameters">The sizes of an optimizer's parameters.</param>
/// <param name="Optimizer"><c>sgd</c> or <c>adam</c>, of a network's step.</param>
/// <param name="Types">Element types of activations.</param>
/// <param name="Bars">The ratio to the fastest peer that is asked for, by pass or by <c>pass/type</c>.</param>
/// <param name="Layers">Of a network.</param>
public sealed record BenchShape(
    string Name,
    string Operator,
    IReadOnlyList<string> Passes,
    IReadOnlyList<string> Groups,
    int Batch = 1,
    int Channels = 1,
    int Height = 1,
    int Width = 1,
    int Out = 0,
    int Kernel = 0,
    int Stride = 1,
    int Dilation = 1,
    int Padding = 0,
    bool Relu = false,
    int Scale = 0,
    IReadOnlyList<int>? Parameters = null,
    string? Optimizer = null,
    IReadOnlyList<string>? Types = null,
    IReadOnlyDictionary<string, double>? Bars = null,
    IReadOnlyList<BenchLayer>? Layers = null)
{
    /// <summary>The extents of the input.</summary>
    [JsonIgnore]
    public Shape Input => new(Batch, Channels, Height, Width);

    /// <summary>The types, <c>float32</c> where none is given.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> ElementTypes => Types ?? [BenchType.Float32];

    /// <summary>The ratio that is asked for, or null.</summary>
    public double? Bar(string pass, string type) =>
        Bars is null ? null : Bars.TryGetValue($"{pass}/{type}", out double bar) || Bars.TryGetValue(pass, out bar) ? bar : null;

    internal Conv2dGeometry Convolution => new(Batch, Channels, Height, Width, Out, Kernel, Kernel, Stride, Stride, Dilation, Dilation, Padding, Padding);
}

/// <summary>One layer of a network: a convolution with bias (<paramref name="Out"/> and <paramref name="Kernel"/>), or a max-pooling (<paramref name="Pool"/>).</summary>
/// <param name="Out">Output channels.</param>
/// <param name="Kernel">Taps along each axis.</param>
/// <param name="Dilation">Of the convolution.</param>
/// <param name="Padding">Of the convolution.</param>
/// <param name="Relu">Whether it ends with ReLU.</param>
/// <param name="Pool">Window and stride of the pooling.</param>
public sealed record BenchLayer(int Out = 0, int Kernel = 0, int Dilation = 1, int Padding = 0, bool Relu = false, int Pool = 0);

/// <summary>The operators that can be measured, and which passes each has.</summary>
public static class BenchOperator
{
    public const string Conv2d = "conv2d";
    public const string Upsample = "upsample";
    public const string Softmax = "softmax";
    public const string CrossEntropy = "cross-entropy";
    public const string UpsampleCrossEntropy = "upsample-cross-entropy";
    public const string MaxPool = "max-pool";
    public const string Sgd = "sgd";
    public const string Adam = "adam";
    public const string Network = "network";

    public static IReadOnlyDictionary<string, string[]> Passes { get; } = new Dictionary<string, string[]>
    {
        [Conv2d] = [BenchPass.Forward, BenchPass.InputGradient, BenchPass.WeightGradient, BenchPass.Training],
        [Upsample] = [BenchPass.Forward, BenchPass.InputGradient, BenchPass.Training],
        [Softmax] = [BenchPass.Forward],
        [CrossEntropy] = [BenchPass.Training],
        [UpsampleCrossEntropy] = [BenchPass.Training],
        [MaxPool] = [BenchPass.Forward, BenchPass.InputGradient, BenchPass.Training],
        [Sgd] = [BenchPass.Step],
        [Adam] = [BenchPass.Step],
        [Network] = [BenchPass.Forward, BenchPass.Training, BenchPass.Step],
    };

    public static IEnumerable<string> All => Passes.Keys;
}

/// <summary>What of an operator is timed.</summary>
public static class BenchPass
{
    /// <summary>The result, with bias and ReLU where the shape has them.</summary>
    public const string Forward = "forward";

    /// <summary>The gradient of the input, from the output's; through the ReLU first where there is one.</summary>
    public const string InputGradient = "input-gradient";

    /// <summary>The gradients of weight and bias, from the output's.</summary>
    public const string WeightGradient = "weight-gradient";

    /// <summary>The result or loss, then every gradient.</summary>
    public const string Training = "training";

    /// <summary>Training and the optimizer's update; of an optimizer, the update.</summary>
    public const string Step = "step";
}

/// <summary>The element types of activations.</summary>
public static class BenchType
{
    public const string Float32 = "float32";
    public const string BFloat16 = "bfloat16";

    public static IReadOnlyList<string> All { get; } = [Float32, BFloat16];

    /// <summary>The name of a type.</summary>
    public static string Of(ElementType type) => type == ElementType.Float32 ? Float32 : BFloat16;

    /// <summary>The library's type of that name.</summary>
    public static ElementType Parse(string type) => type switch
    {
        Float32 => ElementType.Float32,
        BFloat16 => ElementType.BFloat16,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, $"The types are {string.Join(", ", All)}."),
    };
}
