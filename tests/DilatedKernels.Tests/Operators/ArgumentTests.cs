using System.Reflection;

namespace DilatedKernels.Tests.Operators;

/// <summary>Every operator refuses null, tensors of two devices, and disposed ones, by the argument's name.</summary>
public class ArgumentTests
{
    private static readonly MethodInfo[] s_operators = [.. typeof(Ops).GetMethods(BindingFlags.Public | BindingFlags.Static).Where(m => m.Name != nameof(Ops.Custom))];

    private static IEnumerable<TestCaseData> Tensors(bool isOptional) =>
        from method in s_operators
        from parameter in method.GetParameters()
        where HasType(parameter, typeof(Tensor)) || HasType(parameter, typeof(LabelMap)) || HasType(parameter, typeof(SparseMatrix)) || HasType(parameter, typeof(Tensor[]))
        where isOptional || !IsOptional(parameter)
        select new TestCaseData(method, parameter).SetArgDisplayNames($"{method.Name}, {parameter.Name}");

    private static IEnumerable<TestCaseData> Required() => Tensors(isOptional: false);

    // The first decides which device it is.
    private static IEnumerable<TestCaseData> Further() => Tensors(isOptional: true).Where(t => ((ParameterInfo)t.Arguments[1]!).Position > 0);

    private static IEnumerable<TestCaseData> All() => Tensors(isOptional: true);

    [TestCaseSource(nameof(Required))]
    public void NullIsRefused(MethodInfo method, ParameterInfo parameter)
    {
        using var given = new Arguments(Device.Cpu);
        Exception? error = Call(method, p => p == parameter ? null : given.Of(p));
        Assert.That(error, Is.TypeOf<ArgumentNullException>());
        Assert.That(((ArgumentNullException)error!).ParamName, Is.EqualTo(parameter.Name));
    }

    [TestCaseSource(nameof(Further))]
    public void AnotherDeviceIsRefused(MethodInfo method, ParameterInfo parameter)
    {
        using Device other = Device.CreateCpu(1);
        using var given = new Arguments(Device.Cpu);
        using var elsewhere = new Arguments(other);
        Exception? error = Call(method, p => p == parameter ? elsewhere.Of(p) : given.Of(p));
        Assert.That(error, Is.InstanceOf<ArgumentException>());
        Assert.That(error!.Message, Does.Contain("different devices"));
    }

    [TestCaseSource(nameof(All))]
    public void ADisposedOneIsRefused(MethodInfo method, ParameterInfo parameter)
    {
        using var given = new Arguments(Device.Cpu);
        using var disposed = new Arguments(Device.Cpu);
        object argument = disposed.Of(parameter)!;
        disposed.Dispose();
        Assert.That(Call(method, p => p == parameter ? argument : given.Of(p)), Is.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void TheArgumentsAreRight()
    {
        using var given = new Arguments(Device.Cpu);
        foreach (MethodInfo method in s_operators)
        {
            Assert.That(Call(method, given.Of), Is.Null, method.Name);
        }
    }

    private static Exception? Call(MethodInfo method, Func<ParameterInfo, object?> argument)
    {
        try
        {
            (method.Invoke(null, [.. method.GetParameters().Select(argument)]) as Tensor)?.Dispose();
            return null;
        }
        catch (TargetInvocationException thrown)
        {
            return thrown.InnerException;
        }
    }

    private static bool HasType(ParameterInfo parameter, Type type) => parameter.ParameterType == type;

    private static bool IsOptional(ParameterInfo parameter) => new NullabilityInfoContext().Create(parameter).WriteState == NullabilityState.Nullable;

    /// <summary>One argument that fits for every parameter, by its operator and name.</summary>
    private sealed class Arguments(Device device) : IDisposable
    {
        private readonly List<IDisposable> _made = [];

        public object? Of(ParameterInfo parameter) => (parameter.Member.Name, parameter.Name) switch
        {
            (_, "type") => ElementType.BFloat16,
            (_, "alignment") => BilinearAlignment.HalfPixel,
            (_, "rounding") => PoolRounding.Floor,
            (_, "options") => null,
            (_, "relu" or "padded") => true,
            (_, "ignoreLabel") => 255,
            (_, "rate") => 0.5f,
            (_, "gamma") => 2f,
            (_, "weights") => Keep(new ClassWeights(device, [1f, 2f])),
            (_, "factor") => 2f,
            (nameof(Ops.SparseProduct), "scale") => 2f,
            (_, "seed" or "step") => 1UL,
            (_, "layer") => 1u,
            (nameof(Ops.AveragePool2d) or nameof(Ops.MaxPool2d), "kernel") => new Size2(2, 2),
            (_, "stride") => new Size2(1, 1),
            (_, "padding") => default(Size2),
            (_, "outHeight" or "outWidth") => 5,
            (_, "top" or "bottom" or "left" or "right" or "height" or "width" or "scale") => 1,
            (_, "parts") => new[] { Made(new Shape(1, 2, 3, 4)) },
            (_, "matrix") => Keep(SparseMatrix.FromRows(device, 12, [0, 1], [new SparseEntry(0, 1)])),
            (_, "addend") => Made(new Shape(1, 2, 1, 1)),
            (_, "labels") => Keep(LabelMap.FromArray(device, 1, 3, 4, new byte[12])),
            (_, "weight") => Made(new Shape(2, 2, 1, 1)),
            (_, "bias") => Made(Shape.PerChannel(2)),
            (_, "x" or "a" or "b" or "scores") => Made(new Shape(1, 2, 3, 4)),
            _ => throw new NotSupportedException($"{parameter.Member.Name} has a new parameter {parameter.Name}: say here what fits it."),
        };

        public void Dispose() => _made.ForEach(d => d.Dispose());

        private Tensor Made(Shape shape) => Keep(Tensor.Zeros(device, shape));

        private T Keep<T>(T made)
            where T : IDisposable
        {
            _made.Add(made);
            return made;
        }
    }
}
