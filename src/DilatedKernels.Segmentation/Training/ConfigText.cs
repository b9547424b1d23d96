using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// A training configuration as people write it: a JSON file such as a run's <c>config.json</c>, comments and commas at the end allowed, and settings
/// <c>a.b=c</c>. What is wrong is named with its key and line, with what would be right.
/// </summary>
internal static class ConfigText
{
    private const long MostBytes = 1 << 24;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="data">The dataset folder that counts in place of the file's, or null.</param>
    /// <exception cref="UserInputException">The file cannot be read or holds no configuration.</exception>
    public static TrainingConfig Read(string path, string? data)
    {
        if (!File.Exists(path))
        {
            throw new UserInputException(Directory.Exists(path)
                ? $"{path} is a folder; name the file in it, such as {Path.Combine(path, "config.json")}."
                : path.Length == 0 ? "The configuration's name is empty." : $"There is no file {path}.");
        }

        FileSize.Check(path, "a configuration", MostBytes);
        byte[] json = WithoutMark(File.ReadAllBytes(path));
        try
        {
            StrictJson.Check(json, TrainingJson.Default.TrainingConfig, new Place(path), optional: data is null ? null : "data");
            JsonObject tree = JsonNode.Parse(
                json, documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false })!.AsObject();
            if (data is not null)
            {
                tree["data"] = data;
            }

            return TrainingJson.FromTree(tree);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            string text = JsonErrors.Describe(error, ofTree: true);
            throw new UserInputException($"{path}{(text.StartsWith("line ", StringComparison.Ordinal) ? ", " : ": ")}{text}", error);
        }
    }

    /// <summary>Changes settings.</summary>
    /// <param name="config">The configuration to begin with.</param>
    /// <param name="assignments">Each <c>a.b=c</c>, where c is JSON; a text or name stands without quotation marks, and a list of numbers without brackets.</param>
    /// <exception cref="UserInputException">A key does not exist or its value cannot be used.</exception>
    public static TrainingConfig Set(TrainingConfig config, IEnumerable<string> assignments)
    {
        JsonObject tree = TrainingJson.ToTree(config);
        string last = "";
        try
        {
            foreach (string assignment in assignments)
            {
                last = assignment;
                Set(tree, assignment);
            }

            return TrainingJson.FromTree(tree);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new UserInputException($"--set {last}: {JsonErrors.Describe(error, ofTree: true)}", error);
        }
    }

    private static void Set(JsonObject tree, string assignment)
    {
        int equals = assignment.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            throw new UserInputException($"--set takes a setting and its value, such as optimizer.learningRate=0.001; it was {assignment}.");
        }

        var place = new Place($"--set {assignment}");
        string[] names = assignment[..equals].Split('.');
        JsonTypeInfo type = TrainingJson.Default.TrainingConfig;
        JsonObject at = tree;
        for (int i = 0; i < names.Length; i++)
        {
            string path = string.Join('.', names[..i]);
            JsonPropertyInfo property = StrictJson.Find(type, names[i], path, place);
            type = StrictJson.TypeOf(property.PropertyType);
            if (i == names.Length - 1)
            {
                string json = ToJson(assignment[(equals + 1)..], type);
                StrictJson.CheckValue(Encoding.UTF8.GetBytes(json), type, property.IsSetNullable, assignment[..equals], place);
                at[names[i]] = JsonNode.Parse(json);
                return;
            }

            string own = string.Join('.', names[..(i + 1)]);
            if (type.Kind != JsonTypeInfoKind.Object)
            {
                throw new UserInputException($"{place.Text}: {own} has no settings of its own; it is {StrictJson.Describe(type)}.");
            }

            at = at[names[i]] as JsonObject
                ?? throw new UserInputException($"{place.Text}: {own} is null here; give all of it, as JSON: {own}={{…}}.");
        }
    }

    private static string ToJson(string value, JsonTypeInfo type)
    {
        Type bare = StrictJson.Bare(type.Type);
        return value == "null" ? value
            : bare == typeof(string) || bare.IsEnum ? $"\"{JsonEncodedText.Encode(value)}\""
            : type.Kind == JsonTypeInfoKind.Enumerable && !value.StartsWith('[') ? $"[{value}]"
            : value;
    }

    private static byte[] WithoutMark(byte[] text) => text.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text;
}
