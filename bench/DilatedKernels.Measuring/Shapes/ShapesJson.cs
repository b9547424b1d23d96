using System.Text.Json.Serialization;

namespace DilatedKernels.Measuring;

internal sealed record ShapesFile(IReadOnlyList<BenchShape> Shapes, string? About = null);

/// <summary>JSON without reflection, so that an ahead-of-time compiled command can read the shapes.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ShapesFile))]
internal sealed partial class ShapesJson : JsonSerializerContext;
