namespace DilatedKernels.Measuring;

/// <summary>Softmax and cross-entropy: the loss, mean over all positions, and its gradient in the scores.</summary>
internal sealed class CrossEntropyCase : BenchCase
{
    private readonly Tensor _scores;
    private readonly LabelMap _labels;
    private readonly Tensor _loss;
    private readonly Tensor _gradient;

    public CrossEntropyCase(Device device, BenchShape shape, ElementType type)
        : base(device, type)
    {
        _scores = Random(shape.Input, "scores", 4);
        _labels = Own(RandomData.Labels(device, shape.Batch, shape.Height, shape.Width, shape.Channels));
        _loss = EmptyFloat32(Shape.Scalar);
        _gradient = Empty(shape.Input);
    }

    private protected override LabelMap Labels => _labels;

    public override void Run() => Backend.SoftmaxCrossEntropy(
        _scores.Shape, _scores.Buffer, _labels.Buffer, ignoreLabel: 255, _scores.Shape.Positions, _loss.Buffer, _gradient.Buffer);

    public override void Check()
    {
        Run();
        float[] scores = _scores.ToChannelsLast();
        byte[] labels = Download(_labels);
        SampleCheck.Compare([_loss.Item()], [Loss(scores, _scores.Shape, labels)], "the loss", SampleCheck.ToleranceOf(Type));
        SampleCheck.Elements(_gradient, "the loss's gradient", p => Gradient(scores, _scores.Shape, labels, p));
    }

    public static byte[] Download(LabelMap map)
    {
        byte[] labels = new byte[checked(map.Batch * map.Height * map.Width)];
        map.Device.Backend.Download(map.Buffer, labels);
        return labels;
    }

    /// <summary>The mean over positions of −log p(label).</summary>
    public static double Loss(float[] scores, Shape shape, byte[] labels)
    {
        double sum = 0;
        Lock adding = new();
        Parallel.For(0, shape.N * shape.H, () => 0.0, (row, _, part) =>
        {
            for (int w = 0; w < shape.W; w++)
            {
                byte label = labels[(row * shape.W) + w];
                part -= Math.Log(SoftmaxCase.Probability(scores, shape, new(row / shape.H, label, row % shape.H, w)));
            }

            return part;
        }, part =>
        {
            lock (adding)
            {
                sum += part;
            }
        });
        return sum / shape.Positions;
    }

    /// <summary><c>(p − onehot) / positions</c>.</summary>
    public static double Gradient(float[] scores, Shape shape, byte[] labels, SampleCheck.Position p)
    {
        byte label = labels[(((p.N * shape.H) + p.H) * shape.W) + p.W];
        return (SoftmaxCase.Probability(scores, shape, p) - (label == p.C ? 1 : 0)) / shape.Positions;
    }
}
