using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>
/// One pass of one shape on one device, with its data: random, never zeros, which some hardware multiplies faster. Buffers are made once,
/// so that a run is the operator and nothing else.
/// </summary>
public abstract class BenchCase : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    private protected BenchCase(Device device, ElementType type)
    {
        Device = device;
        Type = type;
    }

    /// <summary>Where it runs.</summary>
    public Device Device { get; }

    /// <summary>How activations and their gradients are stored.</summary>
    public ElementType Type { get; }

    /// <summary>Multiply-adds of one run times two, with those of taps in the padding; 0 where that says nothing.</summary>
    public virtual long Flops => 0;

    /// <summary>What a run hands to kernels that a training step has anew every time: that of the run that comes next.</summary>
    internal virtual StepScalars Scalars => new(LearningRate: 0, OptimizerStep: 0, Seed: 1, RandomStep: 1, Labels!);

    /// <summary>What a check runs in place of <see cref="Run"/>, such as the replay of its recording.</summary>
    internal Action? Instead { get; set; }

    private protected Backend Backend => Device.Backend;

    /// <summary>The labels that scores are compared with, or null.</summary>
    private protected virtual LabelMap? Labels => null;

    /// <summary>Makes the case of a shape that a <see cref="ShapeList"/> has checked.</summary>
    /// <param name="device">Where to run.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="pass">One of its passes.</param>
    /// <param name="type">One of its types.</param>
    public static BenchCase Create(Device device, BenchShape shape, string pass, ElementType type = ElementType.Float32)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(shape);
        return shape.Operator switch
        {
            BenchOperator.Conv2d => new Conv2dCase(device, shape, pass, type),
            BenchOperator.Upsample => new UpsampleCase(device, shape, pass, type),
            BenchOperator.MaxPool => new MaxPoolCase(device, shape, pass, type),
            BenchOperator.Softmax => new SoftmaxCase(device, shape, type),
            BenchOperator.CrossEntropy => new CrossEntropyCase(device, shape, type),
            BenchOperator.UpsampleCrossEntropy => new UpsampleCrossEntropyCase(device, shape, type),
            BenchOperator.Sgd or BenchOperator.Adam => new OptimizerCase(device, shape),
            _ => new NetworkCase(device, shape, pass, type),
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

    /// <summary>An activation of random numbers from −1 to 1, times <paramref name="scale"/>.</summary>
    private protected Tensor Random(Shape shape, string purpose, double scale = 1) => Random(shape, purpose, scale, Type);

    /// <summary>What is float32 whatever the activations are: a parameter.</summary>
    private protected Tensor RandomParameter(Shape shape, string purpose, double scale = 1) => Random(shape, purpose, scale, ElementType.Float32);

    /// <summary>Room for an activation or its gradient.</summary>
    private protected Tensor Empty(Shape shape) => Own(Tensor.Allocate(Device, shape, Type));

    /// <summary>Room for a parameter's gradient or a loss.</summary>
    private protected Tensor EmptyFloat32(Shape shape) => Own(Tensor.Allocate(Device, shape, ElementType.Float32));

    private Tensor Random(Shape shape, string purpose, double scale, ElementType type) =>
        Own(Tensor.FromChannelsLast(Device, shape, RandomData.Values(shape.Count, purpose, scale), type));
}
