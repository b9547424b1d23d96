namespace DilatedKernels.Measuring;

/// <summary>One side's memory for one step.</summary>
/// <param name="Shape">The step's name.</param>
/// <param name="Threads">Of the processor.</param>
/// <param name="Engine">Who computed it.</param>
/// <param name="Layout">PyTorch's memory layout, or empty.</param>
/// <param name="ReadyBytes">What the process had before it made the first tensor.</param>
/// <param name="PeakBytes">The most that it had.</param>
internal sealed record MemoryRow(string Shape, int Threads, string Engine, string Layout, long ReadyBytes, long PeakBytes)
{
    /// <summary>What the step took on top.</summary>
    public long StepBytes => PeakBytes - ReadyBytes;

    /// <summary>Steps on one side, in a process that does nothing else.</summary>
    public static MemoryRow Measure(PeerProcess peer, string shape, int threads, string layout)
    {
        long ready = ProcessMemory.Resident(peer.Id);
        PeerReply reply = peer.Measure(new PeerRequest(shape, BenchPass.Step, BenchType.Float32, Seconds: 0.2, Check: false, layout.Length == 0 ? null : layout));
        string? problem = reply.Error ?? reply.Skip;
        return problem is null
            ? new MemoryRow(shape, threads, peer.Greeting.Engine, layout, ready, ProcessMemory.Peak(peer.Id))
            : throw new PeerException($"{peer.Greeting.Engine}, {shape}: {problem}");
    }
}
