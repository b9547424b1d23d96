using System.Buffers.Binary;
using System.Text.Json;
using DilatedKernels.Distributed;

namespace DilatedKernels.Serialization;

/// <summary>
/// Writes safetensors files: a JSON header, then the arrays, little-endian, without gaps. The metadata get the SHA-256 of the file, which
/// <see cref="SafetensorsFile.Verify"/> checks.
/// </summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>Writes single-precision arrays and metadata.</summary>
    /// <param name="path">The file, replaced if it exists.</param>
    /// <param name="tensors">Name, extents and values (last axis fastest) of each array.</param>
    /// <param name="metadata">Text by key, or null.</param>
    /// <exception cref="ArgumentException">Two arrays bear one name, or an array's values do not fill its extents.</exception>
    /// <exception cref="IOException">The file cannot be written; an older one of the name is then still whole.</exception>
    public static void Write(string path, IEnumerable<(string Name, int[] Shape, ReadOnlyMemory<float> Values)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Write(path, [.. tensors.Select(tensor => SafetensorsTensor.FromFloats(tensor.Name, tensor.Shape, tensor.Values))], metadata);
    }

    /// <summary>
    /// Writes arrays and metadata to a temporary file in the same folder, flushes it to the disk and then gives it its name, so the name never stands for half a file.
    /// Arrays of wider elements come first, which keeps every array aligned to its element.
    /// </summary>
    /// <param name="path">The file, replaced if it exists.</param>
    /// <param name="tensors">The arrays.</param>
    /// <param name="metadata">Text by key, or null.</param>
    /// <param name="cancellation">Checked between arrays; nothing is left behind then.</param>
    /// <exception cref="ArgumentException">Two arrays bear one name, or an array's values do not fill its extents.</exception>
    /// <exception cref="IOException">The file cannot be written; an older one of the name is then still whole.</exception>
    public static void Write(
        string path, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyDictionary<string, string>? metadata = null, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        SafetensorsTensor[] ordered = [.. tensors.OrderByDescending(tensor => tensor.Type.Size())];
        byte[] header = Header(ordered, metadata);
        string full = Path.GetFullPath(path);
        string temporary = $"{full}.{Guid.NewGuid():N}.tmp";
        using Watchdog.Scope suspension = Watchdog.EnterSuspension();
        try
        {
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                using var stream = new HashingStream(file);
                stream.Write(header);
                foreach (SafetensorsTensor tensor in ordered)
                {
                    cancellation.ThrowIfCancellationRequested();
                    long start = stream.Position;
                    tensor.WriteTo(stream);
                    if (stream.Position - start != tensor.Bytes)
                    {
                        throw new ArgumentException(
                            $"The array '{tensor.Name}' of shape [{string.Join(", ", tensor.Shape)}] takes {tensor.Bytes} bytes as {tensor.Type}, but its values have {stream.Position - start}.", nameof(tensors));
                    }
                }

                file.Position = SafetensorsChecksum.Digits(header).Start.Value;
                file.Write(SafetensorsChecksum.Hex(stream.Digest()));
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e)
        {
            File.Delete(temporary);
            if (e is ArgumentOutOfRangeException)
            {
                // What the runtime makes of a file that is longer than the system allows.
                throw new IOException($"{full}: the file cannot be written: it is longer than the file system or a limit of the process allows.", e);
            }

            throw;
        }
    }

    private static byte[] Header(SafetensorsTensor[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[sizeof(long)]);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsHeader.MetadataKey);
            json.WriteString(SafetensorsChecksum.Key, SafetensorsChecksum.Placeholder);
            foreach ((string key, string value) in (metadata ?? new Dictionary<string, string>()).OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                // That of the file which the metadata come from.
                if (key != SafetensorsChecksum.Key)
                {
                    json.WriteString(key, value);
                }
            }

            json.WriteEndObject();

            var names = new HashSet<string>(StringComparer.Ordinal);
            long offset = 0;
            foreach (SafetensorsTensor tensor in tensors)
            {
                if (!names.Add(tensor.Name) || tensor.Name == SafetensorsHeader.MetadataKey)
                {
                    throw new ArgumentException($"The name '{tensor.Name}' is given to two arrays, or is reserved.", nameof(tensors));
                }

                WriteEntry(json, tensor, offset);
                offset = checked(offset + tensor.Bytes);
            }

            json.WriteEndObject();
        }

        while (buffer.Length % Alignment != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        if (buffer.Length - sizeof(long) > SafetensorsHeader.MaximumLength)
        {
            throw new ArgumentException($"The names, shapes and metadata take {buffer.Length - sizeof(long)} bytes; the format allows {SafetensorsHeader.MaximumLength}.", nameof(metadata));
        }

        byte[] header = buffer.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - sizeof(long));
        return header;
    }

    private static void WriteEntry(Utf8JsonWriter json, SafetensorsTensor tensor, long offset)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.Type.ToString());
        json.WriteStartArray("shape");
        foreach (int extent in tensor.Shape)
        {
            json.WriteNumberValue(extent);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(offset + tensor.Bytes);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
