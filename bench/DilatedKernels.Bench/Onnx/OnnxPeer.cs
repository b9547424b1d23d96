using System.Diagnostics;
using DilatedKernels.Measuring;
using Microsoft.ML.OnnxRuntime;

namespace DilatedKernels.Bench;

/// <summary>ONNX Runtime on the CPU, forward only, on models that are written on the fly.</summary>
internal sealed class OnnxPeer(ShapeList shapes, int threads) : IPeer
{
    private readonly RunOptions _runOptions = new();
    private string _name = "";
    private InferenceSession? _session;
    private OrtValue? _input;
    private OrtValue? _output;
    private string _outputName = "";

    public PeerGreeting Greeting { get; } = new("ONNX Runtime", OrtEnv.Instance().GetVersionString(), threads);

    public PeerReply Measure(PeerRequest request)
    {
        BenchShape shape = shapes.Shapes.First(s => s.Name == request.Name);
        if (request.Pass != BenchPass.Forward || request.Type != BenchType.Float32 || !OnnxModel.Has(shape.Operator))
        {
            return new PeerReply(Skip: "forward passes in float32 only");
        }

        if (_name != request.Name)
        {
            Open(shape);
        }

        return new PeerReply([new PeerResult("", Sampler.Sample(Time, MeasuringOptions.OfTurn(request.Seconds)))]);
    }

    public void Dispose()
    {
        Close();
        _runOptions.Dispose();
    }

    private double Time(int runs)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < runs; i++)
        {
            _session!.Run(_runOptions, ["t0"], [_input!], [_outputName], [_output!]);
        }

        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private void Open(BenchShape shape)
    {
        Close();
        OnnxModel model = OnnxModel.Of(shape);
        using var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        _session = new InferenceSession(model.ToArray(), options);
        _outputName = model.Output;
        float[] values = RandomData.Values(shape.Input.Count, "x");
        _input = OrtValue.CreateTensorValueFromMemory(values, [shape.Batch, shape.Channels, shape.Height, shape.Width]);
        // The first run says how large the result is; the others write into the same memory.
        using IDisposableReadOnlyCollection<OrtValue> first = _session.Run(_runOptions, ["t0"], [_input], [_outputName]);
        long[] extents = first[0].GetTensorTypeAndShape().Shape;
        _output = OrtValue.CreateTensorValueFromMemory(new float[extents.Aggregate(1L, (a, b) => a * b)], extents);
        _name = shape.Name;
    }

    private void Close()
    {
        _name = "";
        _input?.Dispose();
        _output?.Dispose();
        _session?.Dispose();
        (_input, _output, _session) = (null, null, null);
    }
}
