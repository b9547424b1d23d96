using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Training;

[JsonSourceGenerationOptions(
    WriteIndented = true,
    NewLine = "\n",
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    Converters = [typeof(PaletteJsonConverter)])]
[JsonSerializable(typeof(TrainingConfig))]
internal sealed partial class TrainingJson : JsonSerializerContext
{
    /// <summary>Every setting by name, as <c>config.json</c> has them.</summary>
    public static JsonObject ToTree(TrainingConfig config) => JsonSerializer.SerializeToNode(config, Default.TrainingConfig)!.AsObject();

    /// <summary>The file's bytes: indented, one line at the end.</summary>
    public static byte[] ToBytes(TrainingConfig config) => [.. JsonSerializer.SerializeToUtf8Bytes(config, Default.TrainingConfig), (byte)'\n'];

    /// <summary>Reads a configuration; what it leaves out has its default, so runs of earlier versions can be read.</summary>
    /// <exception cref="JsonException">The text is no JSON or no configuration.</exception>
    public static TrainingConfig Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return FromTree(JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }));
        }
        catch (InvalidOperationException exception)
        {
            // Half of a UTF-16 pair, to a tree of nodes.
            throw new JsonException(exception.Message, exception);
        }
    }

    /// <summary>The configuration of a tree, which is completed with defaults on the way.</summary>
    /// <exception cref="JsonException">The tree is no configuration.</exception>
    public static TrainingConfig FromTree(JsonNode? tree)
    {
        if (tree is JsonObject given)
        {
            AddDefaults(given, ToTree(new TrainingConfig { Model = new ModelConfig { Name = "" }, Data = "" }), "model", "data");
            ModelJson.Complete(given["model"]);
        }

        return tree.Deserialize(Default.TrainingConfig) ?? throw new JsonException("The text is null.");
    }

    // Groups within groups, too, such as the optimizer.
    private static void AddDefaults(JsonObject given, JsonObject defaults, params ReadOnlySpan<string> required)
    {
        ModelJson.AddDefaults(given, defaults, required);
        foreach ((string name, JsonNode? value) in defaults)
        {
            if (!required.Contains(name) && value is JsonObject group && given[name] is JsonObject own)
            {
                AddDefaults(own, group);
            }
        }
    }
}
