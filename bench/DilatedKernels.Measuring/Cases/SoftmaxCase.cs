namespace DilatedKernels.Measuring;

/// <summary>Softmax over channels.</summary>
internal sealed class SoftmaxCase : BenchCase
{
    private readonly Tensor _x;
    private readonly Tensor _y;

    public SoftmaxCase(Device device, BenchShape shape, ElementType type)
        : base(device, type)
    {
        _x = Random(shape.Input, "x", 4);
        _y = Empty(shape.Input);
    }

    public override void Run() => Backend.SoftmaxForward(_x.Shape, _x.Buffer, _y.Buffer);

    public override void Check()
    {
        Run();
        float[] x = _x.ToChannelsLast();
        SampleCheck.Elements(_y, "the softmax", p => Probability(x, _x.Shape, p));
    }

    /// <summary>Of one class at one position.</summary>
    public static double Probability(float[] scores, Shape shape, SampleCheck.Position p)
    {
        long start = ((((long)p.N * shape.H) + p.H) * shape.W + p.W) * shape.C;
        double sum = 0;
        for (int c = 0; c < shape.C; c++)
        {
            sum += Math.Exp(scores[start + c]);
        }

        return Math.Exp(scores[start + p.C]) / sum;
    }
}
