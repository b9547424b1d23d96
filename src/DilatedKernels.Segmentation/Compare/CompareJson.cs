using System.Text.Json.Serialization;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>What a comparison keeps of one system and seed, so that a comparison that was interrupted goes on where it was.</summary>
/// <param name="TrainingSeconds">Null where the run was continued.</param>
/// <param name="Plain">The confusion matrix, row by row.</param>
/// <param name="Refined">With the CRF, or null.</param>
internal sealed record KeptScore(double? TrainingSeconds, long[] Plain, long[]? Refined);

/// <summary>What every score of a comparison's folder is of.</summary>
/// <param name="Options">The options.</param>
/// <param name="TrainingData">The fingerprint of the training split.</param>
/// <param name="ValidationData">That of the split to score on.</param>
internal sealed record KeptConfig(CompareConfig Options, string TrainingData, string ValidationData);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    NewLine = "\n",
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CompareConfig))]
[JsonSerializable(typeof(KeptConfig))]
[JsonSerializable(typeof(KeptScore))]
internal sealed partial class CompareJson : JsonSerializerContext;
