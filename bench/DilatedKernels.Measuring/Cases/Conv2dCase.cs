using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>A convolution with bias and, where the shape says so, ReLU: one of its passes, or all of them as one step of training runs them.</summary>
internal sealed class Conv2dCase : BenchCase
{
    private readonly Conv2dGeometry _geometry;
    private readonly bool _relu;
    private readonly string _pass;
    private readonly Tensor _x;
    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly Tensor _y;
    private readonly Tensor _dy;
    private readonly Tensor _masked;
    private readonly Tensor _dx;
    private readonly Tensor _dw;
    private readonly Tensor _db;

    public Conv2dCase(Device device, BenchShape shape, string pass, ElementType type)
        : base(device, type)
    {
        _geometry = shape.Convolution;
        _relu = shape.Relu;
        _pass = pass;
        _x = Random(_geometry.InShape, "x");
        _weight = RandomParameter(_geometry.WeightShape, "weight", RandomData.WeightScale(_geometry.WeightShape));
        _bias = RandomParameter(Shape.PerChannel(_geometry.OutChannels), "bias");
        // The gradient passes take y from here; forward and training overwrite it.
        _y = Random(_geometry.OutShape, "y");
        _dy = Random(_geometry.OutShape, "dy");
        _masked = _relu ? Empty(_geometry.OutShape) : _dy;
        _dx = Empty(_geometry.InShape);
        _dw = EmptyFloat32(_geometry.WeightShape);
        _db = EmptyFloat32(Shape.PerChannel(_geometry.OutChannels));
    }

    public override long Flops => _pass == BenchPass.Training ? 3 * _geometry.Flops : _geometry.Flops;

    public override void Run()
    {
        if (_pass is BenchPass.Forward or BenchPass.Training)
        {
            Backend.Conv2dForward(_geometry, _x.Buffer, _weight.Buffer, _bias.Buffer, _relu, _y.Buffer);
        }

        if (_relu && _pass is (BenchPass.InputGradient or BenchPass.Training))
        {
            Backend.ReluBackward(_y.Buffer, _dy.Buffer, _masked.Buffer, _dy.Shape.Count);
        }

        if (_pass is BenchPass.WeightGradient or BenchPass.Training)
        {
            Tensor dy = _pass == BenchPass.Training ? _masked : _dy;
            Backend.Conv2dBackwardWeight(_geometry, _x.Buffer, dy.Buffer, _dw.Buffer);
            Backend.BiasBackward(_geometry.OutShape, dy.Buffer, _db.Buffer);
        }

        if (_pass is BenchPass.InputGradient or BenchPass.Training)
        {
            Backend.Conv2dBackwardInput(_geometry, _masked.Buffer, _weight.Buffer, mask: null, _dx.Buffer);
        }
    }

    public override void Check()
    {
        Spoil();
        (Instead ?? Run)();
        float[] y = _y.ToChannelsLast();
        float[] dy = _dy.ToChannelsLast();
        if (_relu && _pass != BenchPass.WeightGradient)
        {
            dy = [.. dy.Zip(y, (d, v) => v > 0 ? d : 0)];
        }

        double tolerance = SampleCheck.ToleranceOf(Backend, Type);
        var sample = new Conv2dSample(_geometry, _x.ToChannelsLast(), _weight.ToChannelsLast(), _bias.ToChannelsLast(), dy);
        if (_pass is BenchPass.Forward or BenchPass.Training)
        {
            SampleCheck.Elements(_y, "the convolution", p => sample.Output(p, _relu), tolerance);
        }

        if (_pass is BenchPass.InputGradient or BenchPass.Training)
        {
            SampleCheck.Elements(_dx, "the input's gradient", sample.InputGradient, tolerance);
        }

        if (_pass is BenchPass.WeightGradient or BenchPass.Training)
        {
            SampleCheck.Elements(_dw, "the weight's gradient", sample.WeightGradient, tolerance);
            SampleCheck.Elements(_db, "the bias's gradient", p => sample.BiasGradient(p.C), SampleCheck.ToleranceOf(Type));
        }
    }

    // What a run writes, so that nothing that is left from before passes for its result.
    private void Spoil()
    {
        bool training = _pass == BenchPass.Training;
        Tensor[] written =
        [
            .. training || _pass == BenchPass.Forward ? [_y] : Array.Empty<Tensor>(), .. training || _pass == BenchPass.InputGradient ? [_dx] : Array.Empty<Tensor>(),
            .. training || _pass == BenchPass.WeightGradient ? [_dw, _db] : Array.Empty<Tensor>(),
        ];
        foreach (Tensor tensor in written)
        {
            tensor.SetChannelsLast([.. Enumerable.Repeat(float.NaN, (int)tensor.Shape.Count)]);
        }
    }
}
