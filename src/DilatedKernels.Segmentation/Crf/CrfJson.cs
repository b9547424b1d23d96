using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace DilatedKernels.Segmentation.Crf;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    NewLine = "\n",
    RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DenseCrfConfig))]
internal sealed partial class CrfJson : JsonSerializerContext
{
    /// <exception cref="JsonException">The text is no JSON or holds something else.</exception>
    public static DenseCrfConfig Read(string json)
    {
        JsonNode? given = JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        // Generated code sets init-only properties that the text leaves out to zero, not to what their initialisers say.
        if (given is JsonObject target)
        {
            foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(new DenseCrfConfig(), Default.DenseCrfConfig)!.AsObject())
            {
                if (!target.ContainsKey(name))
                {
                    target.Add(name, value?.DeepClone());
                }
            }
        }

        return given.Deserialize(Default.DenseCrfConfig) ?? throw new JsonException("The text is null.");
    }
}
