using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>Max-pooling whose windows lie side by side.</summary>
internal sealed class MaxPoolCase : BenchCase
{
    private readonly Pool2dGeometry _geometry;
    private readonly string _pass;
    private readonly Tensor _x;
    private readonly Tensor _y;
    private readonly Tensor _dy;
    private readonly Tensor _dx;
    private readonly DeviceBuffer _winner;

    public MaxPoolCase(Device device, BenchShape shape, string pass, ElementType type)
        : base(device, type)
    {
        int k = shape.Kernel;
        _geometry = new Pool2dGeometry(shape.Batch, shape.Channels, shape.Height, shape.Width, shape.Height / k, shape.Width / k, k, k, k, k, 0, 0);
        _pass = pass;
        _x = Random(_geometry.InShape, "x");
        _y = Empty(_geometry.OutShape);
        _dy = Random(_geometry.OutShape, "dy");
        _dx = Empty(_geometry.InShape);
        _winner = Own(Backend.Allocate(_geometry.OutShape.Count));
        // The backward pass needs winners that a forward pass chose.
        Forward();
    }

    public override void Run()
    {
        if (_pass is BenchPass.Forward or BenchPass.Training)
        {
            Forward();
        }

        if (_pass is BenchPass.InputGradient or BenchPass.Training)
        {
            Backend.MaxPoolBackward(_geometry, _dy.Buffer, _winner, _dx.Buffer);
        }
    }

    public override void Check()
    {
        Run();
        float[] x = _x.ToChannelsLast();
        float[] dy = _dy.ToChannelsLast();
        SampleCheck.Elements(_y, "the max-pooling", p => Window(x, p.N, p.C, p.H, p.W).Max);
        if (_pass is BenchPass.InputGradient or BenchPass.Training)
        {
            SampleCheck.Elements(_dx, "the max-pooling's gradient", p =>
            {
                int k = _geometry.KernelH;
                (int h, int w) = (p.H / k, p.W / k);
                return h < _geometry.OutHeight && w < _geometry.OutWidth && Window(x, p.N, p.C, h, w).Place == (p.H, p.W)
                    ? dy[((((long)p.N * _geometry.OutHeight) + h) * _geometry.OutWidth + w) * _geometry.Channels + p.C]
                    : 0;
            });
        }
    }

    private void Forward() => Backend.MaxPoolForward(_geometry, _x.Buffer, _y.Buffer, _pass == BenchPass.Forward ? null : _winner);

    private (double Max, (int H, int W) Place) Window(float[] x, int n, int c, int h, int w)
    {
        int k = _geometry.KernelH;
        (double Max, (int, int) Place) best = (double.NegativeInfinity, default);
        for (int i = 0; i < k * k; i++)
        {
            (int y, int z) = ((h * k) + (i / k), (w * k) + (i % k));
            double value = x[((((long)n * _geometry.InHeight) + y) * _geometry.InWidth + z) * _geometry.Channels + c];
            best = value > best.Max ? (value, (y, z)) : best;
        }

        return best;
    }
}
