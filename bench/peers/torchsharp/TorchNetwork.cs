using DilatedKernels.Measuring;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Peers;

/// <summary>A chain of layers: its result, or loss and gradients of all parameters, or that and the optimizer's step. Labels are as fine as the scores.</summary>
internal sealed class TorchNetwork
{
    private const double Rate = 1e-5;
    private const double WeightDecay = 5e-4;

    private readonly List<Func<Tensor, Tensor>> _layers = [];
    private readonly List<Parameter> _parameters = [];
    private readonly string _pass;
    private readonly Tensor _x;
    private readonly Tensor? _labels;
    private readonly optim.Optimizer? _optimizer;

    /// <param name="shape">A network.</param>
    /// <param name="pass">What is timed.</param>
    /// <param name="tensor">Makes a tensor of N, C, H, W and a scale.</param>
    public TorchNetwork(BenchShape shape, string pass, Func<long, long, long, long, double, Tensor> tensor)
    {
        _pass = pass;
        int channels = shape.Channels;
        foreach (BenchLayer layer in shape.Layers!)
        {
            if (layer.Pool > 0)
            {
                _layers.Add(x => max_pool2d(x, layer.Pool));
                continue;
            }

            var weight = new Parameter(tensor(layer.Out, channels, layer.Kernel, layer.Kernel, RandomData.WeightScale(new DilatedKernels.Shape(layer.Out, channels, layer.Kernel, layer.Kernel))));
            var bias = new Parameter(zeros(layer.Out));
            _parameters.AddRange([weight, bias]);
            long[] padding = [layer.Padding, layer.Padding];
            long[] dilation = [layer.Dilation, layer.Dilation];
            _layers.Add(x =>
            {
                Tensor y = conv2d(x, weight, bias, [1, 1], padding, dilation);
                return layer.Relu ? y.relu_() : y;
            });
            channels = layer.Out;
        }

        _x = tensor(shape.Batch, shape.Channels, shape.Height, shape.Width, 1);
        if (pass == BenchPass.Forward)
        {
            return;
        }

        using (no_grad())
        {
            long[] scores = Forward().shape;
            _labels = randint(0, scores[1], [scores[0], scores[2], scores[3]], dtype: ScalarType.Int64);
        }

        if (pass == BenchPass.Step)
        {
            _optimizer = shape.Optimizer == "sgd"
                ? optim.SGD(_parameters, Rate, momentum: 0.9, weight_decay: WeightDecay)
                : optim.Adam(_parameters, Rate, weight_decay: WeightDecay);
        }
    }

    public void Run()
    {
        if (_pass == BenchPass.Forward)
        {
            Forward();
            return;
        }

        _parameters.ForEach(p => p.grad = null);
        cross_entropy(Forward(), _labels!).backward();
        _optimizer?.step();
    }

    private Tensor Forward() => _layers.Aggregate(_x, (x, layer) => layer(x));
}
