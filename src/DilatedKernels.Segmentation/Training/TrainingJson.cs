using System.Text.Json.Serialization;

namespace DilatedKernels.Segmentation.Training;

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TrainingConfig))]
internal sealed partial class TrainingJson : JsonSerializerContext;
