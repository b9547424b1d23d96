using DilatedKernels.Nn;
using DilatedKernels.Optim;

namespace DilatedKernels.Tests.Oracles;

/// <summary>Most operators in a network of three parameters, and what its steps are given.</summary>
internal sealed class StepNetwork : IDisposable
{
    public const int Classes = 5;
    public const ulong Seed = 7;

    private readonly Parameter _bias;
    private readonly Parameter _second;

    public StepNetwork(Device device, bool adam)
    {
        First = new Parameter("first", Array4.Random(new Shape(6, 3, 3, 3), "first").ToTensor(device));
        _bias = new Parameter("bias", Array4.Random(new Shape(1, 6, 1, 1), "bias").ToTensor(device)) { LearningRateMultiplier = 2 };
        _second = new Parameter("second", Array4.Random(new Shape(Classes, 6, 1, 1), "second").ToTensor(device));
        Parameter[] all = [First, _bias, _second];
        Optimizer = adam ? new Adam(all, weightDecay: 1e-3f) : new Sgd(all, weightDecay: 1e-3f);
        FixedLabels = LabelMap.FromArray(device, InputShape.N, LabelSize.Height, LabelSize.Width, Labels(2));
    }

    public static Shape InputShape => new(2, 3, 12, 10);

    public static Size2 LabelSize => new(12, 10);

    public Parameter First { get; }

    public Optimizer Optimizer { get; }

    public LabelMap FixedLabels { get; }

    public static float Rate(ulong step) => 0.05f / (1 + step);

    public static float[] Input(ulong step, int images = 2) => Array4.Random(InputShape with { N = images }, $"input {step}").ToSingle();

    /// <summary>More void from step to step, so that the number of valid positions changes.</summary>
    public static byte[] Labels(ulong step, int images = 2)
    {
        var random = new RandomSequence(step, "step labels");
        return
        [
            .. Enumerable.Range(0, images * LabelSize.Height * LabelSize.Width)
                .Select(_ => random.NextInt32(10) < (int)step ? (byte)255 : (byte)random.NextInt32(Classes)),
        ];
    }

    /// <summary>The same computation, and one read that cannot be recorded.</summary>
    public static Func<Tensor, LabelMap, ForwardContext, Tensor> Unrecordable(Func<Tensor, LabelMap, ForwardContext, Tensor> loss) => (x, labels, context) =>
    {
        Tensor value = loss(x, labels, context);
        value.Item();
        return value;
    };

    public RecordedStep Step(bool record = true, Action? onCall = null) => new(InputShape, LabelSize, Optimizer, record ? Called(onCall) : Unrecordable(Called(onCall)), Seed);

    public Tensor Scores(Tensor x, ForwardContext context)
    {
        Tensor hidden = Ops.Conv2d(Ops.ReflectionPad(Ops.Scale(x, 0.5f), 1, 1, 1, 1), First.Value, _bias.Value, new Conv2dOptions { Padding = 1, Dilation = 2 });
        Tensor pooled = Ops.MaxPool2d(Ops.Relu(hidden), 2, 2, 0);
        Tensor dropped = context.IsTraining ? Ops.Dropout(pooled, 0.3f, context.Seed, context.Step, 1) : pooled;
        return Ops.UpsampleBilinear(Ops.Conv2d(dropped, _second.Value), LabelSize.Height, LabelSize.Width);
    }

    public Tensor Loss(Tensor x, LabelMap labels, ForwardContext context) => Ops.SoftmaxCrossEntropy(Scores(x, context), labels);

    public float[][] Everything() => [.. Optimizer.Parameters.Select(p => p.Value.ToArray()).Concat(Optimizer.States.Select(s => s.State.ToArray()))];

    public void Restore(StepNetwork from)
    {
        foreach ((Parameter source, Parameter target) in from.Optimizer.Parameters.Zip(Optimizer.Parameters))
        {
            target.Value.SetArray(source.Value.ToArray());
        }

        foreach (((_, Tensor source), (_, Tensor target)) in from.Optimizer.States.Zip(Optimizer.States))
        {
            target.SetArray(source.ToArray());
        }

        Optimizer.StepCount = from.Optimizer.StepCount;
    }

    public void Dispose()
    {
        Optimizer.Dispose();
        First.Dispose();
        _bias.Dispose();
        _second.Dispose();
        FixedLabels.Dispose();
    }

    private Func<Tensor, LabelMap, ForwardContext, Tensor> Called(Action? onCall) => (x, labels, context) =>
    {
        onCall?.Invoke();
        return Loss(x, labels, context);
    };
}
