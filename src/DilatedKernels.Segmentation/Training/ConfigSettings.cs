using System.Text.Json.Nodes;

namespace DilatedKernels.Segmentation.Training;

/// <summary>A configuration as a list, for pages and comparisons.</summary>
internal static class ConfigSettings
{
    /// <summary>Every setting by its name, such as <c>optimizer.learningRate</c>, and its value as text.</summary>
    public static IReadOnlyList<(string Key, string Value)> Of(TrainingConfig config)
    {
        var settings = new List<(string, string)>();
        Add("", TrainingJson.ToTree(config));
        return settings;

        void Add(string path, JsonNode? node)
        {
            if (node is JsonObject group)
            {
                foreach ((string name, JsonNode? value) in group)
                {
                    Add(path.Length == 0 ? name : $"{path}.{name}", value);
                }
            }
            else
            {
                settings.Add((path, node is JsonValue value && value.TryGetValue(out string? text) ? text : Flat(node)));
            }
        }
    }

    private static string Flat(JsonNode? node) => node switch
    {
        null => "null",
        JsonArray list => $"[{string.Join(", ", list.Select(Flat))}]",
        JsonObject group => $"{{{string.Join(", ", group.Select(entry => $"{entry.Key}: {Flat(entry.Value)}"))}}}",
        JsonValue value when value.TryGetValue(out string? text) => text,
        _ => node.ToJsonString(),
    };
}
