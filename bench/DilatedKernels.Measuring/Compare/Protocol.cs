using System.Text.Json.Serialization;

namespace DilatedKernels.Measuring;

/// <summary>The first line of a peer: what runs there.</summary>
/// <param name="Engine">A name such as <c>PyTorch</c>.</param>
/// <param name="Version">Of it.</param>
/// <param name="Threads">Of the processor.</param>
/// <param name="Details">What else decides its speed.</param>
public sealed record PeerGreeting(string Engine, string Version, int Threads, IReadOnlyDictionary<string, string>? Details = null);

/// <summary>A pass to measure now.</summary>
/// <param name="Name">Of the shape.</param>
/// <param name="Pass">One of its passes.</param>
/// <param name="Type">The element type of activations.</param>
/// <param name="Seconds">For the samples, once there are enough; half as much before, to warm up.</param>
/// <param name="Check">Whether the library compares its result with double precision first, which takes memory of its own.</param>
/// <param name="Layout">PyTorch: the only memory layout to measure; all of them where it is null.</param>
public sealed record PeerRequest(string Name, string Pass, string Type, double Seconds, bool Check = true, string? Layout = null);

/// <summary>What was measured, or why nothing was.</summary>
/// <param name="Results">One or more ways to do it.</param>
/// <param name="Skip">Why this peer has no such pass.</param>
/// <param name="Error">What went wrong.</param>
public sealed record PeerReply(IReadOnlyList<PeerResult>? Results = null, string? Skip = null, string? Error = null);

/// <summary>One way to do it, such as a memory layout, and the time of single runs.</summary>
public sealed record PeerResult(string Variant, IReadOnlyList<double> SamplesMs);

/// <summary>The lines that go between the comparison and its peers.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PeerGreeting))]
[JsonSerializable(typeof(PeerRequest))]
[JsonSerializable(typeof(PeerReply))]
internal sealed partial class ProtocolJson : JsonSerializerContext;
