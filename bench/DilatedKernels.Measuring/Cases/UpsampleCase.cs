using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>Bilinear upsampling, output centres on input centres (PyTorch's <c>align_corners=False</c>).</summary>
internal sealed class UpsampleCase : BenchCase
{
    private readonly UpsampleGeometry _geometry;
    private readonly string _pass;
    private readonly Tensor _x;
    private readonly Tensor _y;
    private readonly Tensor _dy;
    private readonly Tensor _dx;

    public UpsampleCase(Device device, BenchShape shape, string pass, ElementType type)
        : base(device, type)
    {
        _geometry = Geometry(shape);
        _pass = pass;
        _x = Random(_geometry.InShape, "x");
        _y = Empty(_geometry.OutShape);
        _dy = Random(_geometry.OutShape, "dy");
        _dx = Empty(_geometry.InShape);
    }

    public static UpsampleGeometry Geometry(BenchShape shape) => new(
        shape.Batch, shape.Channels,
        ResampleAxis.HalfPixel(shape.Height, checked(shape.Height * shape.Scale)), ResampleAxis.HalfPixel(shape.Width, checked(shape.Width * shape.Scale)));

    public override void Run()
    {
        if (_pass is BenchPass.Forward or BenchPass.Training)
        {
            Backend.UpsampleForward(_geometry, _x.Buffer, _y.Buffer);
        }

        if (_pass is BenchPass.InputGradient or BenchPass.Training)
        {
            Backend.UpsampleBackward(_geometry, _dy.Buffer, _dx.Buffer);
        }
    }

    public override void Check()
    {
        Run();
        if (_pass is BenchPass.Forward or BenchPass.Training)
        {
            float[] x = _x.ToChannelsLast();
            SampleCheck.Elements(_y, "the upsampling", p => Output(x, p));
        }

        if (_pass is BenchPass.InputGradient or BenchPass.Training)
        {
            float[] dy = _dy.ToChannelsLast();
            SampleCheck.Elements(_dx, "the upsampling's gradient", p => Gradient(dy, p));
        }
    }

    /// <summary>From the source coordinate <c>(o + ½)·in/out − ½</c>, clamped to the map, and not from the library's tables.</summary>
    public static (int First, double Fraction) Source(int o, int inExtent, int outExtent)
    {
        double source = Math.Clamp(((o + 0.5) * inExtent / outExtent) - 0.5, 0, inExtent - 1);
        int first = Math.Min((int)source, Math.Max(0, inExtent - 2));
        return (first, source - first);
    }

    public static double Weight(int o, int i, int inExtent, int outExtent)
    {
        (int first, double fraction) = Source(o, inExtent, outExtent);
        return i == first ? 1 - fraction : i == first + 1 ? fraction : 0;
    }

    private double Output(float[] x, SampleCheck.Position p)
    {
        Shape shape = _geometry.InShape;
        (int y0, double fy) = Source(p.H, shape.H, _geometry.OutHeight);
        (int x0, double fx) = Source(p.W, shape.W, _geometry.OutWidth);
        double At(int h, int w) => x[((((long)p.N * shape.H) + Math.Min(h, shape.H - 1)) * shape.W + Math.Min(w, shape.W - 1)) * shape.C + p.C];
        return ((1 - fy) * (((1 - fx) * At(y0, x0)) + (fx * At(y0, x0 + 1)))) + (fy * (((1 - fx) * At(y0 + 1, x0)) + (fx * At(y0 + 1, x0 + 1))));
    }

    private double Gradient(float[] dy, SampleCheck.Position p)
    {
        Shape shape = _geometry.OutShape;
        double sum = 0;
        for (int h = 0; h < shape.H; h++)
        {
            double row = Weight(h, p.H, _geometry.InHeight, shape.H);
            for (int w = 0; row != 0 && w < shape.W; w++)
            {
                sum += row * Weight(w, p.W, _geometry.InWidth, shape.W) * dy[((((long)p.N * shape.H) + h) * shape.W + w) * shape.C + p.C];
            }
        }

        return sum;
    }
}
