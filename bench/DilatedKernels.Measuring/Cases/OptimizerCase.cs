using DilatedKernels.Backends;
using DilatedKernels.Optim;

namespace DilatedKernels.Measuring;

/// <summary>One update of all parameters of a network.</summary>
internal sealed class OptimizerCase : BenchCase
{
    private const float Rate = 1e-3f;
    private const float Decay = 5e-4f;

    private readonly Parameter[] _parameters;
    private readonly Optimizer _optimizer;
    private readonly bool _isAdam;

    public OptimizerCase(Device device, BenchShape shape)
        : base(device, ElementType.Float32)
    {
        _isAdam = shape.Operator == BenchOperator.Adam;
        _parameters = [.. shape.Parameters!.Select((size, i) => Own(MakeParameter(device, $"p{i}", size)))];
        _optimizer = Own(Create(shape.Operator, _parameters));
    }

    internal override StepScalars Scalars => base.Scalars with { LearningRate = Rate, OptimizerStep = _optimizer.StepCount + 1 };

    public static Optimizer Create(string name, IReadOnlyList<Parameter> parameters) =>
        name == BenchOperator.Adam ? new Adam(parameters, weightDecay: Decay) : new Sgd(parameters, momentum: 0.9f, weightDecay: Decay);

    public override void Run() => _optimizer.Step(Rate);

    /// <summary>Two updates, so that the state that one leaves is read by the other.</summary>
    public override void Check()
    {
        float[][] before = [.. _parameters.Select(p => p.Value.ToChannelsLast())];
        Run();
        Run();
        for (int i = 0; i < _parameters.Length; i++)
        {
            Parameter parameter = _parameters[i];
            float[] gradient = parameter.Gradient!.ToChannelsLast();
            float[] after = parameter.Value.ToChannelsLast();
            long[] indices = [.. SampleCheck.Indices(after.Length)];
            // The moves and not the values, beside which a wrong move would not show; the values' own rounding is in them.
            double[] moved = [.. indices.Select(j => (double)after[j] - before[i][j])];
            double[] expected = [.. indices.Select(j => Move(before[i][j], gradient[j]))];
            double rounding = Math.Sqrt(indices.Sum(j => Math.Pow(Math.ScaleB(before[i][j], -23), 2)) / expected.Sum(e => e * e));
            SampleCheck.Compare(moved, expected, "the update", SampleCheck.Tolerance + rounding);
        }
    }

    private static Parameter MakeParameter(Device device, string name, int size)
    {
        var shape = new Shape(1, size, 1, 1);
        var parameter = new Parameter(name, Tensor.FromChannelsLast(device, shape, RandomData.Values(size, name)));
        parameter.GradientStorage().SetChannelsLast(RandomData.Values(size, name + " gradient"));
        parameter.HasGradient = true;
        return parameter;
    }

    private double Move(double w, double g)
    {
        double start = w;
        double first = 0;
        double second = 0;
        for (int step = 1; step <= 2; step++)
        {
            double d = g + (Decay * w);
            if (_isAdam)
            {
                (double beta1, double beta2) = (0.9f, 0.999f);
                first = (beta1 * first) + ((1 - beta1) * d);
                second = (beta2 * second) + ((1 - beta2) * d * d);
                w -= Rate * (first / (1 - Math.Pow(beta1, step))) / (Math.Sqrt(second / (1 - Math.Pow(beta2, step))) + 1e-8f);
            }
            else
            {
                first = (0.9f * first) + (Rate * d);
                w -= first;
            }
        }

        return w - start;
    }
}
