using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>
/// One pass of one shape on one device, with its data: random, never zeros, which some hardware multiplies faster. Buffers are made once,
/// so that a run is the operator and nothing else.
/// </summary>
public abstract class BenchCase : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    private protected BenchCase(Device device) => Device = device;

    /// <summary>Where it runs.</summary>
    public Device Device { get; }

    /// <summary>Multiply-adds of one run times two, with those of taps in the padding; 0 where that says nothing.</summary>
    public virtual long Flops => 0;

    private protected Backend Backend => Device.Backend;

    /// <summary>Makes the case of a shape that a <see cref="ShapeList"/> has checked.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="pass">One of its passes.</param>
    public static BenchCase Create(Device device, BenchShape shape, string pass)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(shape);
        return shape.Operator switch
        {
            BenchOperator.Conv2d => new Conv2dCase(device, shape, pass),
            BenchOperator.Upsample => new UpsampleCase(device, shape, pass),
            BenchOperator.MaxPool => new MaxPoolCase(device, shape, pass),
            BenchOperator.Softmax => new SoftmaxCase(device, shape),
            BenchOperator.CrossEntropy => new CrossEntropyCase(device, shape),
            BenchOperator.UpsampleCrossEntropy => new UpsampleCrossEntropyCase(device, shape),
            BenchOperator.Sgd or BenchOperator.Adam => new OptimizerCase(device, shape),
            _ => new NetworkCase(device, shape, pass),
        };
    }

    /// <summary>Issues the work once. On a GPU it has not run when this returns.</summary>
    public abstract void Run();

    /// <summary>Runs once and compares a sample of what came out with the definition in double precision, so that nothing wrong is ever timed.</summary>
    /// <exception cref="WrongResultException">It does not agree.</exception>
    public abstract void Check();

    /// <summary>Gives the data's memory back.</summary>
    public virtual void Dispose()
    {
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }

        GC.SuppressFinalize(this);
    }

    private protected T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    /// <summary>A tensor of random numbers from −1 to 1, times <paramref name="scale"/>.</summary>
    private protected Tensor Random(Shape shape, string purpose, double scale = 1) =>
        Own(Tensor.FromChannelsLast(Device, shape, RandomData.Values(shape.Count, purpose, scale)));

    private protected Tensor Empty(Shape shape) => Own(Tensor.Allocate(Device, shape, ElementType.Float32));
}
