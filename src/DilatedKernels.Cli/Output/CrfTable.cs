using System.Globalization;
using System.Text;
using System.Text.Json;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Cli.Output;

/// <summary>The result of a search over CRF parameters, as a table or as JSON; the best comes last.</summary>
internal static class CrfTable
{
    public static void Write(TextWriter output, CrfSearch search, bool json)
    {
        if (json)
        {
            output.WriteLine(ToJson(search));
            return;
        }

        output.WriteLine("bilateral weight   sigma   color | spatial weight   sigma | mean IoU  accuracy");
        output.WriteLine($"{"without",32} | {"",22} | {Scores(search.Without)}");
        foreach ((DenseCrfConfig config, ConfusionMatrix score) in search.Ranked)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{config.BilateralWeight,16} {config.BilateralSigma,7} {config.ColorSigma,7} | {config.SpatialWeight,14} {config.SpatialSigma,7} | {Scores(score)}"));
        }
    }

    private static string Scores(ConfusionMatrix matrix) =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * matrix.MeanIoU,6:F2} %  {100 * matrix.PixelAccuracy,6:F2} %");

    private static string ToJson(CrfSearch search)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("images", search.Images);
            json.WriteStartObject("without");
            WriteScores(json, search.Without);
            json.WriteEndObject();
            json.WriteStartArray("results");
            foreach ((DenseCrfConfig config, ConfusionMatrix score) in search.Ranked)
            {
                json.WriteStartObject();
                json.WritePropertyName("parameters");
                json.WriteRawValue(config.ToJson());
                WriteScores(json, score);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    // A matrix without a counted pixel has no score, and JSON no NaN.
    private static void WriteScores(Utf8JsonWriter json, ConfusionMatrix matrix)
    {
        Number("meanIoU", matrix.MeanIoU);
        Number("pixelAccuracy", matrix.PixelAccuracy);

        void Number(string name, double value)
        {
            if (double.IsNaN(value))
            {
                json.WriteNull(name);
            }
            else
            {
                json.WriteNumber(name, value);
            }
        }
    }
}
