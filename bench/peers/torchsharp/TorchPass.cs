using DilatedKernels.Measuring;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Peers;

/// <summary>One pass of one shape. Everything it reads exists before it runs; passes mean what bench/README.md says.</summary>
internal sealed class TorchPass : IDisposable
{
    // Keeps what is made here alive until this is disposed.
    private readonly DisposeScope _kept;
    private readonly BenchShape _shape;
    private readonly string _pass;
    private readonly bool _channelsLast;

    public TorchPass(BenchShape shape, string pass, bool channelsLast)
    {
        (_shape, _pass, _channelsLast) = (shape, pass, channelsLast);
        NeedsGradients = pass != BenchPass.Forward;
        random.manual_seed(1);
        _kept = NewDisposeScope();
        Run = shape.Operator switch
        {
            BenchOperator.Conv2d => Convolution(),
            BenchOperator.Upsample => Upsampling(),
            BenchOperator.MaxPool => Of(x => max_pool2d(x, shape.Kernel)),
            BenchOperator.Softmax => Of(x => x.softmax(1)),
            BenchOperator.CrossEntropy => Loss(scores => scores, shape.Height, shape.Width),
            BenchOperator.UpsampleCrossEntropy => Loss(Upsampled, shape.Height * shape.Scale, shape.Width * shape.Scale),
            _ => new TorchNetwork(shape, pass, Tensor).Run,
        };
    }

    /// <summary>What is timed.</summary>
    public Action Run { get; }

    /// <summary>Whether it goes through autograd.</summary>
    public bool NeedsGradients { get; }

    public static bool Has(string operatorName) => operatorName is not (BenchOperator.Sgd or BenchOperator.Adam);

    public void Dispose() => _kept.Dispose();

    /// <summary>A random tensor with these extents (N, C, H, W) in the order of memory that is measured.</summary>
    private Tensor Tensor(long n, long c, long h, long w, double scale = 1) =>
        _channelsLast
            ? ((rand(n, h, w, c) * 2) - 1).mul(scale).permute(0, 3, 1, 2)
            : ((rand(n, c, h, w) * 2) - 1).mul(scale);

    private Tensor Input(double scale = 1) => Tensor(_shape.Batch, _shape.Channels, _shape.Height, _shape.Width, scale);

    private Action Convolution()
    {
        Tensor x = Input().requires_grad_(NeedsGradients);
        Tensor weight = Tensor(_shape.Out, _shape.Channels, _shape.Kernel, _shape.Kernel, RandomData.WeightScale(new DilatedKernels.Shape(_shape.Out, _shape.Channels, _shape.Kernel, _shape.Kernel))).requires_grad_(NeedsGradients);
        Tensor bias = rand(_shape.Out).requires_grad_(NeedsGradients);
        long[] stride = [_shape.Stride, _shape.Stride];
        long[] padding = [_shape.Padding, _shape.Padding];
        long[] dilation = [_shape.Dilation, _shape.Dilation];
        return Passes(Forward, _pass switch
        {
            BenchPass.InputGradient => [x],
            BenchPass.WeightGradient => [weight, bias],
            _ => [x, weight, bias],
        });

        Tensor Forward()
        {
            Tensor y = conv2d(x, weight, bias, stride, padding, dilation);
            return _shape.Relu ? y.relu_() : y;
        }
    }

    private Action Upsampling()
    {
        Tensor x = Input().requires_grad_(NeedsGradients);
        return Passes(() => Upsampled(x), [x]);
    }

    private Action Of(Func<Tensor, Tensor> forward)
    {
        Tensor x = Input(scale: 4).requires_grad_(NeedsGradients);
        return Passes(() => forward(x), [x]);
    }

    private Action Passes(Func<Tensor> forward, Tensor[] inputs)
    {
        if (_pass == BenchPass.Forward)
        {
            return () => forward();
        }

        Tensor y = forward();
        Tensor dy = Tensor(y.shape[0], y.shape[1], y.shape[2], y.shape[3]);
        return _pass == BenchPass.Training
            ? () => autograd.grad([forward()], inputs, [dy])
            : () => autograd.grad([y], inputs, [dy], retain_graph: true);
    }

    private Action Loss(Func<Tensor, Tensor> scoresOf, long height, long width)
    {
        Tensor x = Input(scale: 4).requires_grad_(true);
        Tensor labels = randint(0, _shape.Channels, [_shape.Batch, height, width], dtype: ScalarType.Int64);
        return () => autograd.grad([cross_entropy(scoresOf(x), labels)], [x]);
    }

    private Tensor Upsampled(Tensor x) =>
        interpolate(x, [(long)_shape.Height * _shape.Scale, (long)_shape.Width * _shape.Scale], mode: InterpolationMode.Bilinear, align_corners: false);
}
