using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Where a text comes from, for messages: a file, whose lines count, or an argument.</summary>
/// <param name="Text">The file or argument.</param>
internal sealed record Place(string Text);

/// <summary>Compares JSON with the type that it is to become, and names the first key or value that does not fit: where it is, and what would fit.</summary>
internal static class StrictJson
{
    private const int LongestValue = 60;

    /// <summary>Checks a whole object.</summary>
    /// <param name="json">The text.</param>
    /// <param name="type">What it is to become.</param>
    /// <param name="file">Where it is from.</param>
    /// <param name="optional">A required setting of the outermost object that may be left out, or null.</param>
    /// <exception cref="UserInputException">Something does not fit.</exception>
    /// <exception cref="JsonException">The text is no JSON.</exception>
    public static void Check(ReadOnlySpan<byte> json, JsonTypeInfo type, Place file, string? optional)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        reader.Read();
        new Walk(json, file, optional).Value(ref reader, type, mayBeNull: false, "");
        reader.Read();
    }

    /// <summary>Checks the value of one setting.</summary>
    public static void CheckValue(ReadOnlySpan<byte> json, JsonTypeInfo type, bool mayBeNull, string path, Place argument)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            if (!reader.Read())
            {
                throw new JsonException();
            }

            new Walk([], argument, null).Value(ref reader, type, mayBeNull, path);
            reader.Read();
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{argument.Text}: {path} is {Describe(type)}.", error);
        }
    }

    /// <summary>The property of a name, or an error that lists those there are.</summary>
    public static JsonPropertyInfo Find(JsonTypeInfo type, string name, string path, Place place, int line = 0)
    {
        JsonPropertyInfo[] properties = Settable(type);
        if (properties.FirstOrDefault(property => property.Name == name) is { } found)
        {
            return found;
        }

        string full = path.Length == 0 ? name : $"{path}.{name}";
        string? near = properties.Select(property => property.Name).Where(known => Distance(known, name) <= 2).MinBy(known => Distance(known, name));
        string right = near is null
            ? $"{(path.Length == 0 ? "The settings" : $"Those of {path}")} are {string.Join(", ", properties.Select(property => property.Name))}."
            : $"Is it {near}?";
        throw new UserInputException($"{place.Text}{(line > 0 ? $", line {line}" : "")}: there is no setting {full}. {right}");
    }

    /// <summary>What is known of a type, without the question mark.</summary>
    public static JsonTypeInfo TypeOf(Type type) => TrainingJson.Default.Options.GetTypeInfo(Bare(type));

    public static Type Bare(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    /// <summary>What a value of a type is, in words.</summary>
    public static string Describe(JsonTypeInfo type)
    {
        Type bare = Bare(type.Type);
        return bare.IsEnum ? $"one of {string.Join(", ", Enum.GetNames(bare))}"
            : bare == typeof(bool) ? "true or false"
            : bare == typeof(string) ? "a text"
            : IsWhole(bare) ? $"a whole number{(bare == typeof(ulong) ? " of 0 or more" : "")}"
            : bare == typeof(float) || bare == typeof(double) ? "a number"
            : type.Kind == JsonTypeInfoKind.Enumerable ? $"a list, each entry {Describe(TypeOf(type.ElementType!))}"
            : type.Kind == JsonTypeInfoKind.Object ? $"an object {{ {string.Join(", ", Settable(type).Select(property => property.Name))} }}"
            : "a list of colours as \"#RRGGBB\"";
    }

    // What is left out of the text has no getter either.
    private static JsonPropertyInfo[] Settable(JsonTypeInfo type) => [.. type.Properties.Where(property => property.Get is not null)];

    private static bool IsWhole(Type type) => type == typeof(int) || type == typeof(long) || type == typeof(ulong);

    // Insertions, deletions and exchanges of letters from one name to another, in any case (Levenshtein).
    private static int Distance(string a, string b)
    {
        int[] above = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int[] row = new int[b.Length + 1];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int change = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1;
                row[j] = Math.Min(Math.Min(row[j - 1], above[j]) + 1, above[j - 1] + change);
            }

            above = row;
        }

        return above[^1];
    }

    private readonly ref struct Walk(ReadOnlySpan<byte> json, Place place, string? optional)
    {
        private readonly ReadOnlySpan<byte> _json = json;

        public void Value(ref Utf8JsonReader reader, JsonTypeInfo type, bool mayBeNull, string path)
        {
            if (reader.TokenType == JsonTokenType.Null && mayBeNull)
            {
                return;
            }

            if (!Fits(ref reader, type))
            {
                throw Wrong(ref reader, type, path);
            }

            if (type.Kind == JsonTypeInfoKind.Object)
            {
                Object(ref reader, type, path);
            }
            else if (type.Kind == JsonTypeInfoKind.Enumerable)
            {
                JsonTypeInfo element = TypeOf(type.ElementType!);
                for (int i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
                {
                    Value(ref reader, element, mayBeNull: false, $"{path}[{i}]");
                }
            }
            else
            {
                reader.Skip();
            }
        }

        private void Object(ref Utf8JsonReader reader, JsonTypeInfo type, string path)
        {
            int line = LineOf(reader.TokenStartIndex);
            var seen = new HashSet<string>();
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                string name = reader.GetString()!;
                int at = LineOf(reader.TokenStartIndex);
                JsonPropertyInfo property = Find(type, name, path, place, at);
                string own = path.Length == 0 ? name : $"{path}.{name}";
                if (!seen.Add(name))
                {
                    throw new UserInputException($"{Where(at)}: {own} stands there twice.");
                }

                reader.Read();
                Value(ref reader, TypeOf(property.PropertyType), property.IsSetNullable, own);
            }

            if (path.Length == 0 && optional is not null)
            {
                seen.Add(optional);
            }

            if (Settable(type).FirstOrDefault(property => property.IsRequired && !seen.Contains(property.Name)) is { } missing)
            {
                throw new UserInputException($"{Where(line)}: {(path.Length == 0 ? "the configuration" : path)} lacks {missing.Name}, {Describe(TypeOf(missing.PropertyType))}.");
            }
        }

        private static bool Fits(ref Utf8JsonReader reader, JsonTypeInfo type)
        {
            Type bare = Bare(type.Type);
            JsonTokenType token = reader.TokenType;
            return bare.IsEnum ? token == JsonTokenType.String && Enum.GetNames(bare).Contains(reader.GetString(), StringComparer.OrdinalIgnoreCase)
                : bare == typeof(bool) ? token is JsonTokenType.True or JsonTokenType.False
                : bare == typeof(string) ? token == JsonTokenType.String
                : bare == typeof(int) ? token == JsonTokenType.Number && reader.TryGetInt32(out _)
                : bare == typeof(long) ? token == JsonTokenType.Number && reader.TryGetInt64(out _)
                : bare == typeof(ulong) ? token == JsonTokenType.Number && reader.TryGetUInt64(out _)
                : bare == typeof(float) ? token == JsonTokenType.Number && reader.TryGetSingle(out float single) && float.IsFinite(single)
                : bare == typeof(double) ? token == JsonTokenType.Number && reader.TryGetDouble(out double number) && double.IsFinite(number)
                : type.Kind == JsonTypeInfoKind.Object ? token == JsonTokenType.StartObject
                : token == JsonTokenType.StartArray;
        }

        private UserInputException Wrong(ref Utf8JsonReader reader, JsonTypeInfo type, string path)
        {
            string value = reader.TokenType switch
            {
                JsonTokenType.String => $"\"{reader.GetString()}\"",
                JsonTokenType.StartObject => "an object",
                JsonTokenType.StartArray => "a list",
                JsonTokenType.Null => "null",
                JsonTokenType.True => "true",
                JsonTokenType.False => "false",
                _ => System.Text.Encoding.UTF8.GetString(reader.ValueSpan),
            };
            value = value.Length > LongestValue ? value[..LongestValue] + "…" : value;
            return new UserInputException($"{Where(LineOf(reader.TokenStartIndex))}: {(path.Length == 0 ? "a configuration" : path)} is {Describe(type)}; it was {value}.");
        }

        private string Where(int line) => line > 0 ? $"{place.Text}, line {line}" : place.Text;

        private int LineOf(long offset) => _json.IsEmpty ? 0 : _json[..(int)offset].Count((byte)'\n') + 1;
    }
}
