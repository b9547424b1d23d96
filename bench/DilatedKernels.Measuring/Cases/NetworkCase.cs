using DilatedKernels.Backends;
using DilatedKernels.Nn;
using DilatedKernels.Optim;

namespace DilatedKernels.Measuring;

/// <summary>
/// A chain of layers: its result; or loss and gradients of all parameters, as in training; or that and the optimizer's update.
/// Through tapes and the public operators, as a program would run it. Labels are as fine as the scores.
/// </summary>
internal sealed class NetworkCase : BenchCase
{
    private const float Rate = 1e-5f;

    private readonly Sequential _network;
    private readonly string _pass;
    private readonly Tensor _x;
    private readonly LabelMap? _labels;
    private readonly Optimizer? _optimizer;

    public NetworkCase(Device device, BenchShape shape, string pass, ElementType type)
        : base(device, type)
    {
        _pass = pass;
        _x = Random(shape.Input, "x");
        Shape map = shape.Input;
        long flops = 0;
        var layers = new List<Module>();
        foreach ((int index, BenchLayer layer) in shape.Layers!.Index())
        {
            if (layer.Pool > 0)
            {
                layers.Add(new MaxPool2dLayer(layer.Pool, layer.Pool));
                map = map with { H = map.H / layer.Pool, W = map.W / layer.Pool };
                continue;
            }

            var options = new Conv2dOptions { Dilation = layer.Dilation, Padding = layer.Padding };
            var convolution = new Conv2dLayer(device, $"conv{index + 1}", map.C, layer.Out, layer.Kernel, options, layer.Relu);
            Fill(convolution.Weight, RandomData.WeightScale(convolution.Weight.Value.Shape));
            Fill(convolution.Bias, 0.1);
            layers.Add(convolution);
            Conv2dGeometry geometry = Geometry(map, convolution);
            flops += geometry.Flops;
            map = geometry.OutShape;
        }

        // As a network in bfloat16 does: scores and loss are float32.
        _network = Own(new Sequential(type == ElementType.Float32 ? layers : [.. layers, new CastLayer(ElementType.Float32)]));
        if (pass != BenchPass.Forward)
        {
            _labels = Own(RandomData.Labels(device, map.N, map.H, map.W, map.C));
            _optimizer = pass == BenchPass.Step ? Own(OptimizerCase.Create(shape.Optimizer!, _network.Parameters)) : null;
        }

        // The first layer's input needs no gradient; beside the rest that is little.
        Flops = pass == BenchPass.Forward ? flops : 3 * flops;
    }

    public override long Flops { get; }

    internal override StepScalars Scalars => base.Scalars with { LearningRate = Rate, OptimizerStep = (_optimizer?.StepCount ?? 0) + 1 };

    private protected override LabelMap? Labels => _labels;

    public override void Run()
    {
        if (_pass == BenchPass.Forward)
        {
            using Tape inference = Tape.Inference();
            _network.Forward(_x, ForwardContext.Inference);
            return;
        }

        using (Tape tape = Tape.Record())
        {
            tape.Backward(Ops.SoftmaxCrossEntropy(_network.Forward(_x, ForwardContext.Training(1, 1)), _labels!));
        }

        _optimizer?.Step(Rate);
        foreach (Parameter parameter in _network.Parameters)
        {
            parameter.ClearGradient();
        }
    }

    /// <summary>Every layer from its own input, the loss from the scores, and the gradient of the last bias, which is the sum of the scores' gradients.</summary>
    public override void Check()
    {
        using Tape tape = Tape.Record();
        Tensor map = _x;
        foreach (Module layer in _network.Layers)
        {
            Tensor next = tape.Keep(layer.Forward(map, ForwardContext.Training(1, 1)));
            CheckLayer(layer, map, next);
            map = next;
        }

        if (_labels is not null)
        {
            Tensor loss = Ops.SoftmaxCrossEntropy(map, _labels);
            float[] scores = map.ToChannelsLast();
            byte[] labels = CrossEntropyCase.Download(_labels);
            SampleCheck.Compare([loss.Item()], [CrossEntropyCase.Loss(scores, map.Shape, labels)], "the loss", SampleCheck.ToleranceOf(Type));
            tape.Backward(loss);
            Tensor gradient = _network.Layers.OfType<Conv2dLayer>().Last().Bias.Gradient!;
            SampleCheck.Compare(
                [.. gradient.ToChannelsLast().Select(v => (double)v)], [.. Enumerable.Range(0, map.Shape.C).Select(c => SumOfGradients(scores, map.Shape, labels, c))],
                "the last bias's gradient", SampleCheck.ToleranceOf(Type));
            foreach (Parameter parameter in _network.Parameters)
            {
                parameter.ClearGradient();
            }
        }

        Run();
        Device.Synchronize();
    }

    private static void Fill(Parameter parameter, double scale) =>
        parameter.Value.SetChannelsLast(RandomData.Values(parameter.Value.Shape.Count, parameter.Name, scale));

    private static Conv2dGeometry Geometry(Shape input, Conv2dLayer layer)
    {
        Shape weight = layer.Weight.Value.Shape;
        return new Conv2dGeometry(
            input.N, input.C, input.H, input.W, weight.N, weight.H, weight.W, 1, 1,
            layer.Options.Dilation.Height, layer.Options.Dilation.Width, layer.Options.Padding.Height, layer.Options.Padding.Width);
    }

    private void CheckLayer(Module module, Tensor x, Tensor y)
    {
        if (module is Conv2dLayer layer)
        {
            var sample = new Conv2dSample(Geometry(x.Shape, layer), x.ToChannelsLast(), layer.Weight.Value.ToChannelsLast(), layer.Bias.Value.ToChannelsLast(), []);
            SampleCheck.Elements(y, layer.Name, p => sample.Output(p, layer.Relu), SampleCheck.ToleranceOf(Device.Backend, Type));
        }
    }

    private static double SumOfGradients(float[] scores, Shape shape, byte[] labels, int c)
    {
        double sum = 0;
        for (int row = 0; row < shape.N * shape.H; row++)
        {
            for (int w = 0; w < shape.W; w++)
            {
                sum += CrossEntropyCase.Gradient(scores, shape, labels, new(row / shape.H, c, row % shape.H, w));
            }
        }

        return sum;
    }
}
