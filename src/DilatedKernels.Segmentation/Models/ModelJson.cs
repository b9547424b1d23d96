using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Crf;

namespace DilatedKernels.Segmentation.Models;

/// <summary>JSON without reflection, so that ahead-of-time compiled programs can read and write configurations.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    WriteIndented = true,
    NewLine = "\n",
    RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    Converters = [typeof(PaletteJsonConverter)],
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ModelConfig))]
internal sealed partial class ModelJson : JsonSerializerContext
{
    /// <exception cref="JsonException">The text is no JSON or no configuration.</exception>
    public static ModelConfig Read(string json)
    {
        JsonNode? given = JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false });
        Complete(given);
        return given.Deserialize(Default.ModelConfig) ?? throw new JsonException("The text is null.");
    }

    /// <summary>Adds what a model's tree leaves out. Generated code sets such init-only properties to zero or null, not to what their initialisers say.</summary>
    public static void Complete(JsonNode? given)
    {
        if (given is not JsonObject model)
        {
            return;
        }

        AddDefaults(model, JsonSerializer.SerializeToNode(new ModelConfig { Name = "" }, Default.ModelConfig), "name");
        AddDefaults(model["frontEnd"], JsonSerializer.SerializeToNode(new FrontEndConfig { Classes = 0, Stages = [] }, Default.FrontEndConfig), "classes", "stages");
        AddDefaults(model["fcn"], JsonSerializer.SerializeToNode(new FcnConfig { Classes = 0 }, Default.FcnConfig), "classes");
        AddDefaults(model["deepLab"], JsonSerializer.SerializeToNode(new DeepLabConfig { Classes = 0 }, Default.DeepLabConfig), "classes");
        AddDefaults(model["context"], JsonSerializer.SerializeToNode(new ContextConfig { Classes = 0 }, Default.ContextConfig), "classes");
        AddDefaults(model["crf"], JsonSerializer.SerializeToNode(new CrfRnnConfig { Classes = 0 }, Default.CrfRnnConfig), "classes");
    }

    /// <summary>Adds to an object the properties that it leaves out, but for those that have no default.</summary>
    public static void AddDefaults(JsonNode? given, JsonNode? defaults, params ReadOnlySpan<string> required)
    {
        if (given is not JsonObject target)
        {
            return;
        }

        foreach ((string name, JsonNode? value) in defaults!.AsObject())
        {
            if (!required.Contains(name) && !target.ContainsKey(name))
            {
                target.Add(name, value?.DeepClone());
            }
        }
    }
}
