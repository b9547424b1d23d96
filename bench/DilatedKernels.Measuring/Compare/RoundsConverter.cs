using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DilatedKernels.Measuring;

/// <summary>Times of single runs with five digits and a line a round: a comparison has a hundred thousand of them.</summary>
internal sealed class RoundsConverter : JsonConverter<IReadOnlyList<IReadOnlyList<double>>>
{
    public override IReadOnlyList<IReadOnlyList<double>> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var rounds = new List<IReadOnlyList<double>>();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartArray)
        {
            var round = new List<double>();
            while (reader.Read() && reader.TokenType == JsonTokenType.Number)
            {
                round.Add(reader.GetDouble());
            }

            rounds.Add(round);
        }

        return rounds;
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<IReadOnlyList<double>> value, JsonSerializerOptions options)
    {
        // Indented as the serializer would, which breaks no line before what it is given as it is.
        string indent = "\n" + new string(' ', 2 * (writer.CurrentDepth + 1));
        writer.WriteStartArray();
        foreach (IReadOnlyList<double> round in value)
        {
            writer.WriteRawValue($"{indent}[{string.Join(", ", round.Select(ms => ms.ToString("G5", CultureInfo.InvariantCulture)))}]");
        }

        writer.WriteEndArray();
    }
}
