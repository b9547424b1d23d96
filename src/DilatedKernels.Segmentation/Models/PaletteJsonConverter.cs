using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Models;

/// <summary>A palette in JSON: a list of colours as <c>"#RRGGBB"</c>.</summary>
internal sealed class PaletteJsonConverter : JsonConverter<Palette>
{
    public override Palette Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var colors = new List<(byte R, byte G, byte B)>();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException("A palette is a list of colours.");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            string text = reader.TokenType == JsonTokenType.String ? reader.GetString()! : "";
            if (text.Length != 7 || text[0] != '#' || !uint.TryParse(text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint rgb))
            {
                throw new JsonException($"A palette's colours are written \"#RRGGBB\"; '{text}' is not.");
            }

            colors.Add(((byte)(rgb >> 16), (byte)(rgb >> 8), (byte)rgb));
        }

        return colors.Count is >= 1 and <= 256 ? new Palette(colors) : throw new JsonException($"A palette has 1 to 256 colours; there were {colors.Count}.");
    }

    public override void Write(Utf8JsonWriter writer, Palette value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach ((byte r, byte g, byte b) in value.Colors)
        {
            writer.WriteStringValue(string.Create(CultureInfo.InvariantCulture, $"#{r:X2}{g:X2}{b:X2}"));
        }

        writer.WriteEndArray();
    }
}
