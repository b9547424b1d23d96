// The shapes of bench/shapes.json in a PyTorch that NuGet has, through TorchSharp: torchsharp THREADS. Processor only.
// ./build.sh bench --compare --torchsharp starts it and talks to it as to peers/torch_peer.py.
// By hand: torchsharp THREADS NAME PASS prints the medians of one pass and ends.
using System.Globalization;
using DilatedKernels.Measuring;
using Peers;
using TorchSharp;

TextWriter output = Console.Out;
Console.SetOut(Console.Error);
int threads = int.Parse(args[0], CultureInfo.InvariantCulture);
torch.set_num_threads(threads);
using var peer = new TorchSharpPeer(ShapeList.BuiltIn(), torch.get_num_threads());
if (args.Length < 3)
{
    LibraryPeer.Serve(peer, Console.In, output);
    return;
}

PeerReply reply = peer.Measure(new PeerRequest(args[1], args[2], BenchType.Float32, Seconds: 0.5));
foreach (PeerResult result in reply.Results ?? [])
{
    output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Variant}: {Statistics.Of(result.SamplesMs).Median:F4} ms"));
}

if ((reply.Skip ?? reply.Error) is { } reason)
{
    output.WriteLine(reason);
}
