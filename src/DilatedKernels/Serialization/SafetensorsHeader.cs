using System.Text.Json;

namespace DilatedKernels.Serialization;

/// <summary>Where an array lies in a safetensors file.</summary>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The extents.</param>
/// <param name="Offset">The first byte, counted from the end of the header.</param>
/// <param name="Bytes">The length.</param>
internal sealed record SafetensorsEntry(SafetensorsType Type, int[] Shape, long Offset, long Bytes);

/// <summary>Reads a header and refuses one that does not describe its file exactly.</summary>
internal sealed class SafetensorsHeader
{
    public const string MetadataKey = "__metadata__";
    public const int MaximumLength = 100_000_000;

    private const int MaximumAxes = 32;

    private readonly string _path;
    private readonly Dictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);
    private Dictionary<string, string>? _metadata;

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>The arrays by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => _entries;

    public IReadOnlyDictionary<string, string> Metadata => _metadata ??= [];

    /// <param name="path">The file, for messages.</param>
    /// <param name="json">The header's bytes.</param>
    /// <param name="dataLength">Bytes in the file after the header.</param>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataLength)
    {
        var header = new SafetensorsHeader(path);
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 4 });
            header.Read(ref reader);
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            throw new SafetensorsException(path, $"the header is no valid safetensors JSON: {exception.Message}", exception);
        }

        header.CheckLayout(dataLength);
        return header;
    }

    private void Read(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, "an object");
        while (NextProperty(ref reader, out string name))
        {
            if (name == MetadataKey)
            {
                ReadMetadata(ref reader);
            }
            else if (!_entries.TryAdd(name, ReadEntry(ref reader, name)))
            {
                throw Wrong($"the header names '{name}' twice");
            }
        }

        if (reader.Read())
        {
            throw Wrong("the header goes on after its closing brace");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (_metadata is not null)
        {
            throw Wrong($"the header names '{MetadataKey}' twice");
        }

        _metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        Expect(ref reader, JsonTokenType.StartObject, "an object");
        while (NextProperty(ref reader, out string key))
        {
            Expect(ref reader, JsonTokenType.String, "text");
            if (!_metadata.TryAdd(key, reader.GetString()!))
            {
                throw Wrong($"the metadata name '{key}' twice");
            }
        }
    }

    private SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        SafetensorsType? type = null;
        List<long>? shape = null;
        List<long>? offsets = null;
        Expect(ref reader, JsonTokenType.StartObject, "an object");
        while (NextProperty(ref reader, out string field))
        {
            bool isNew = field switch
            {
                "dtype" => type is null,
                "shape" => shape is null,
                "data_offsets" => offsets is null,
                _ => throw Wrong($"'{name}' has the unknown field '{field}'"),
            };
            if (!isNew)
            {
                throw Wrong($"'{name}' has the field '{field}' twice");
            }

            switch (field)
            {
                case "dtype":
                    Expect(ref reader, JsonTokenType.String, "text");
                    type = ParseType(name, reader.GetString()!);
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader, MaximumAxes, name);
                    break;
                default:
                    offsets = ReadNumbers(ref reader, 2, name);
                    break;
            }
        }

        if (type is null || shape is null || offsets is null)
        {
            throw Wrong($"'{name}' lacks {(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}");
        }

        return Entry(name, type.Value, shape, offsets);
    }

    private SafetensorsEntry Entry(string name, SafetensorsType type, List<long> shape, List<long> offsets)
    {
        if (offsets.Count != 2 || offsets[0] > offsets[1])
        {
            throw Wrong($"the data_offsets of '{name}' are not a begin and an end");
        }

        // Sizes above what any file holds are refused here, so the product cannot overflow unseen.
        Int128 bytes = type.Size();
        foreach (long extent in shape)
        {
            if (extent > int.MaxValue)
            {
                throw Wrong($"'{name}' has an extent of {extent}; the largest supported is {int.MaxValue}");
            }

            bytes = extent == 0 ? 0 : bytes * extent;
            if (bytes > long.MaxValue)
            {
                throw Wrong($"'{name}' of shape [{string.Join(", ", shape)}] is larger than any file");
            }
        }

        if (bytes != offsets[1] - offsets[0])
        {
            throw Wrong($"'{name}' of shape [{string.Join(", ", shape)}] takes {bytes} bytes as {type}, but its data_offsets span {offsets[1] - offsets[0]}");
        }

        return new SafetensorsEntry(type, [.. shape.Select(extent => (int)extent)], offsets[0], (long)bytes);
    }

    private SafetensorsType ParseType(string name, string text) =>
        Array.IndexOf(Enum.GetNames<SafetensorsType>(), text) >= 0
            ? Enum.Parse<SafetensorsType>(text)
            : throw Wrong($"'{name}' has the element type '{text}'; {string.Join(", ", Enum.GetNames<SafetensorsType>())} are supported");

    /// <summary>The format allows neither gaps nor overlaps nor bytes after the last array.</summary>
    private void CheckLayout(long dataLength)
    {
        long end = 0;
        foreach ((string name, SafetensorsEntry entry) in _entries.OrderBy(pair => pair.Value.Offset).ThenBy(pair => pair.Value.Bytes))
        {
            if (entry.Offset != end)
            {
                throw Wrong(entry.Offset < end ? $"'{name}' overlaps the array before it" : $"there is a hole of {entry.Offset - end} bytes before '{name}'");
            }

            end += entry.Bytes;
            if (end > dataLength)
            {
                throw Wrong($"'{name}' ends at byte {end} of the data, but the file has {dataLength}; it may have been cut off");
            }
        }

        if (end != dataLength)
        {
            throw Wrong($"the file has {dataLength - end} bytes after its last array");
        }
    }

    private bool NextProperty(ref Utf8JsonReader reader, out string name)
    {
        if (!reader.Read())
        {
            throw Wrong("the header ends in the middle of an object");
        }

        name = reader.TokenType == JsonTokenType.PropertyName ? reader.GetString()! : "";
        return reader.TokenType == JsonTokenType.PropertyName;
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader, int most, string name)
    {
        Expect(ref reader, JsonTokenType.StartArray, "a list");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
            {
                throw Wrong($"'{name}' has an entry that is no whole number from 0 to {long.MaxValue}");
            }

            if (numbers.Count == most)
            {
                throw Wrong($"'{name}' has a list of more than {most} numbers");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType token, string what)
    {
        if (!reader.Read() || reader.TokenType != token)
        {
            throw Wrong($"at byte {reader.TokenStartIndex} of the header there should be {what}");
        }
    }

    private SafetensorsException Wrong(string reason) => new(_path, reason + ".");
}
