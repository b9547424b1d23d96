using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>The library as a peer of its own comparison. The case that was measured last is kept: rounds come back to it.</summary>
public sealed class LibraryPeer(Device device, ShapeList shapes, int threads) : IPeer
{
    private BenchCase? _case;
    private (string, string, string) _key;

    /// <inheritdoc/>
    public PeerGreeting Greeting
    {
        get
        {
            MachineDescription machine = MachineDescription.Describe(device);
            return new PeerGreeting("DilatedKernels", machine.Commit, threads, new Dictionary<string, string>
            {
                ["device"] = machine.Gpu ?? machine.Processor,
                ["vector_bits"] = machine.VectorBits.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["runtime"] = machine.Runtime,
            });
        }
    }

    /// <inheritdoc/>
    public PeerReply Measure(PeerRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            if (_case is null || _key != (request.Name, request.Pass, request.Type))
            {
                _case?.Dispose();
                _case = null;
                _case = BenchCase.Create(device, shapes.Shapes.First(shape => shape.Name == request.Name), request.Pass, BenchType.Parse(request.Type));
                _key = (request.Name, request.Pass, request.Type);
                if (request.Check)
                {
                    _case.Check();
                }
            }

            using var measurer = new Measurer(device, MeasuringOptions.OfTurn(request.Seconds));
            IReadOnlyList<double> samples = measurer.Sample(_case);
            return new PeerReply([new PeerResult(measurer.WhyNotRecorded switch { null => "", "" => "CUDA graph", _ => "kernel by kernel" }, samples)]);
        }
        catch (Exception e) when (e is WrongResultException or Cuda.CudaException or NotSupportedException or OutOfMemoryException)
        {
            _case?.Dispose();
            _case = null;
            return new PeerReply(Error: e.Message);
        }
    }

    /// <summary>Gives the kept case back; the device stays.</summary>
    public void Dispose() => _case?.Dispose();

    /// <summary>Answers requests until the input ends: the other end of a <see cref="PeerProcess"/>.</summary>
    public static void Serve(IPeer peer, TextReader input, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(peer);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(output);
        output.WriteLine(JsonSerializer.Serialize(peer.Greeting, ProtocolJson.Default.PeerGreeting));
        output.Flush();
        while (input.ReadLine() is { } line)
        {
            PeerReply reply = peer.Measure(JsonSerializer.Deserialize(line, ProtocolJson.Default.PeerRequest)!);
            output.WriteLine(JsonSerializer.Serialize(reply, ProtocolJson.Default.PeerReply));
            output.Flush();
        }
    }
}
