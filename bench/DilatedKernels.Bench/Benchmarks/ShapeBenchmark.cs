using BenchmarkDotNet.Attributes;
using DilatedKernels.Measuring;

namespace DilatedKernels.Bench.Benchmarks;

/// <summary>
/// One pass of one operator over the shapes of bench/shapes.json that have it, on the CPU. What a run allocates is shown beside its time.
/// GPUs are measured by <c>dilated bench</c> and <c>--compare</c>, with the driver's clock.
/// </summary>
[MemoryDiagnoser]
public abstract class ShapeBenchmark(string operatorName, string pass)
{
    private BenchCase? _case;
    private Device? _device;

    /// <summary>The shapes, those for GPUs excepted.</summary>
    public IEnumerable<string> Names => ShapeList.BuiltIn().Shapes
        .Where(shape => shape.Operator == operatorName && shape.Passes.Contains(pass) && !shape.Name.StartsWith("gpu-", StringComparison.Ordinal))
        .Select(shape => shape.Name);

    [ParamsSource(nameof(Names))]
    public string Shape { get; set; } = "";

    [Params(1)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Prepare()
    {
        _device = Device.CreateCpu(Threads);
        _case = BenchCase.Create(_device, ShapeList.BuiltIn().Shapes.Single(shape => shape.Name == Shape), pass);
        _case.Check();
    }

    [Benchmark]
    public void Run() => _case!.Run();

    [GlobalCleanup]
    public void Finish()
    {
        _case?.Dispose();
        _device?.Dispose();
    }
}

public class Conv2dForward() : ShapeBenchmark(BenchOperator.Conv2d, BenchPass.Forward);

public class Conv2dInputGradient() : ShapeBenchmark(BenchOperator.Conv2d, BenchPass.InputGradient);

public class Conv2dWeightGradient() : ShapeBenchmark(BenchOperator.Conv2d, BenchPass.WeightGradient);

public class Conv2dTraining() : ShapeBenchmark(BenchOperator.Conv2d, BenchPass.Training);

public class UpsampleForward() : ShapeBenchmark(BenchOperator.Upsample, BenchPass.Forward);

public class UpsampleTraining() : ShapeBenchmark(BenchOperator.Upsample, BenchPass.Training);

public class MaxPoolForward() : ShapeBenchmark(BenchOperator.MaxPool, BenchPass.Forward);

public class MaxPoolTraining() : ShapeBenchmark(BenchOperator.MaxPool, BenchPass.Training);

public class SoftmaxForward() : ShapeBenchmark(BenchOperator.Softmax, BenchPass.Forward);

public class CrossEntropyTraining() : ShapeBenchmark(BenchOperator.CrossEntropy, BenchPass.Training);

public class SgdStep() : ShapeBenchmark(BenchOperator.Sgd, BenchPass.Step);

public class AdamStep() : ShapeBenchmark(BenchOperator.Adam, BenchPass.Step);

public class NetworkForward() : ShapeBenchmark(BenchOperator.Network, BenchPass.Forward);

public class NetworkStep() : ShapeBenchmark(BenchOperator.Network, BenchPass.Step);
