namespace DilatedKernels.Measuring;

/// <summary>What stands between a network's scores and the labels of the image: upsampling, softmax and cross-entropy, and the gradient back through them.</summary>
internal sealed class UpsampleCrossEntropyCase : BenchCase
{
    private readonly BenchShape _shape;
    private readonly Parameter _scores;
    private readonly LabelMap _labels;

    public UpsampleCrossEntropyCase(Device device, BenchShape shape, ElementType type)
        : base(device, type)
    {
        _shape = shape;
        _scores = Own(new Parameter("scores", Tensor.FromChannelsLast(device, shape.Input, RandomData.Values(shape.Input.Count, "scores", 4))));
        _labels = Own(RandomData.Labels(device, shape.Batch, shape.Height * shape.Scale, shape.Width * shape.Scale, shape.Channels));
    }

    private protected override LabelMap Labels => _labels;

    public override void Run()
    {
        using Tape tape = Tape.Record();
        tape.Backward(Loss());
        _scores.ClearGradient();
    }

    public override void Check()
    {
        using Tape tape = Tape.Record();
        Tensor loss = Loss();
        tape.Backward(loss);
        // Of the scores that the operator gets, which are not rounded once they are enlarged.
        using Tape enlarging = Tape.Inference();
        Tensor large = Ops.UpsampleBilinear(
            Ops.Cast(Ops.Cast(_scores.Value, Type), ElementType.Float32), _shape.Height * _shape.Scale, _shape.Width * _shape.Scale);
        float[] scores = large.ToChannelsLast();
        byte[] labels = CrossEntropyCase.Download(_labels);
        SampleCheck.Compare([loss.Item()], [CrossEntropyCase.Loss(scores, large.Shape, labels)], "the loss", SampleCheck.ToleranceOf(Type));
        SampleCheck.Elements(_scores.Gradient!, "the gradient through loss and upsampling", p => Gradient(scores, large.Shape, labels, p), SampleCheck.ToleranceOf(Type));
        _scores.ClearGradient();
    }

    private Tensor Loss() => Ops.UpsampleSoftmaxCrossEntropy(Ops.Cast(_scores.Value, Type), _labels);

    // A cell reaches the outputs less than one cell away; at the border the clamped ones as well.
    private double Gradient(float[] scores, Shape large, byte[] labels, SampleCheck.Position p)
    {
        int reach = 2 * _shape.Scale;
        double sum = 0;
        for (int h = Math.Max(0, (p.H * _shape.Scale) - reach); h < Math.Min(large.H, (p.H * _shape.Scale) + reach); h++)
        {
            double row = UpsampleCase.Weight(h, p.H, _shape.Height, large.H);
            for (int w = Math.Max(0, (p.W * _shape.Scale) - reach); w < Math.Min(large.W, (p.W * _shape.Scale) + reach); w++)
            {
                double weight = row * UpsampleCase.Weight(w, p.W, _shape.Width, large.W);
                sum += weight == 0 ? 0 : weight * CrossEntropyCase.Gradient(scores, large, labels, new(p.N, p.C, h, w));
            }
        }

        return sum;
    }
}
