using System.Diagnostics;
using DilatedKernels.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Peers;

/// <summary>LibTorch, which is PyTorch without Python, on contiguous and on channels-last tensors. The pass that was measured last is kept: rounds come back to it.</summary>
internal sealed class TorchSharpPeer(ShapeList shapes, int threads) : IPeer
{
    private readonly List<(string Layout, TorchPass Pass)> _passes = [];
    private (string, string)? _key;

    public PeerGreeting Greeting { get; } = new("LibTorch", torch.__version__, threads);

    public PeerReply Measure(PeerRequest request)
    {
        BenchShape? shape = shapes.Shapes.FirstOrDefault(s => s.Name == request.Name);
        if (shape is null || request.Type != BenchType.Float32 || !TorchPass.Has(shape.Operator))
        {
            return new PeerReply(Skip: "no optimizers by themselves, and float32 only");
        }

        if (_key != (request.Name, request.Pass))
        {
            Close();
            _passes.Add(("contiguous", new TorchPass(shape, request.Pass, channelsLast: false)));
            _passes.Add(("channels-last", new TorchPass(shape, request.Pass, channelsLast: true)));
            _key = (request.Name, request.Pass);
        }

        MeasuringOptions options = MeasuringOptions.OfTurn(request.Seconds);
        return new PeerReply(
        [
            .. _passes.Where(p => request.Layout is null || request.Layout == p.Layout).Select(p => new PeerResult(p.Layout, Sampler.Sample(runs => Time(p.Pass, runs), options))),
        ]);
    }

    public void Dispose() => Close();

    private static double Time(TorchPass pass, int runs)
    {
        using IDisposable? gradients = pass.NeedsGradients ? null : no_grad();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < runs; i++)
        {
            // What a run makes is freed as soon as it ends, as Python would.
            using DisposeScope scope = NewDisposeScope();
            pass.Run();
        }

        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private void Close()
    {
        _passes.ForEach(p => p.Pass.Dispose());
        _passes.Clear();
        _key = null;
    }
}
