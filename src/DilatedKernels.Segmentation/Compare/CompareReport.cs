using System.Globalization;
using System.Text;
using System.Text.Json;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>A comparison as the paper's kind of table in Markdown, and as JSON.</summary>
public static class CompareReport
{
    /// <summary>The table: a row a system and refinement, per-class IoU in percent, their mean ± its deviation over the seeds.</summary>
    /// <param name="result">The comparison.</param>
    public static string Table(CompareResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        CompareConfig config = result.Config;
        var text = new StringBuilder();
        text.Append("| system | ").AppendJoin(" | ", result.Classes.Names.Select(name => OneLine.Of(name).Replace("|", "\\|", StringComparison.Ordinal))).AppendLine(" | mean | parameters | minutes |");
        text.Append("|---|").Append(string.Concat(Enumerable.Repeat("---|", result.Classes.Count))).AppendLine("---|---|---|");
        foreach ((string system, Refinement refinement) in Rows(config))
        {
            CompareScore[] scores = result.Of(system, refinement);
            text.Append(CultureInfo.InvariantCulture, $"| {system}{Ending(refinement)} |");
            for (int c = 0; c < result.Classes.Count; c++)
            {
                text.Append(CultureInfo.InvariantCulture, $" {Percent(CompareResult.Over(scores.Select(score => score.Matrix.IoU(c))).Mean)} |");
            }

            (double mean, double deviation) = CompareResult.Over(scores.Select(score => score.Matrix.MeanIoU));
            double minutes = CompareResult.Over(scores.Select(score => score.TrainingSeconds / 60)).Mean;
            text.Append(CultureInfo.InvariantCulture, $" **{Percent(mean)}**{(scores.Length > 1 ? $" ± {Percent(deviation)}" : "")} |");
            long parameters = result.Parameters[config.Systems.ToList().IndexOf(system)] + (refinement == Refinement.CrfRnn ? CrfParameters(result) : 0);
            text.AppendLine(CultureInfo.InvariantCulture, $" {parameters:N0} | {(double.IsNaN(minutes) ? "" : minutes.ToString("F1", CultureInfo.InvariantCulture))} |");
        }

        return text.ToString();
    }

    /// <summary>The rows in their order.</summary>
    internal static IEnumerable<(string System, Refinement Refinement)> Rows(CompareConfig config) =>
        from system in config.Systems
        from refinement in Enum.GetValues<Refinement>()
        where refinement switch
        {
            Refinement.Crf => config.Crf is not null,
            Refinement.CrfRnn => config.CrfRnnSteps > 0,
            _ => true,
        }
        select (system, refinement);

    private static long CrfParameters(CompareResult result)
    {
        CrfRnnConfig crf = CrfRnnConfig.From(result.Config.Crf ?? DenseCrfConfig.CrfRnn, result.Classes.Count);
        return CrfRnn.ParametersOf(crf, "crf").Sum(parameter => parameter.Shape.Count);
    }

    private static string Ending(Refinement refinement) => refinement switch
    {
        Refinement.Crf => " + CRF",
        Refinement.CrfRnn => " + CRF-RNN",
        _ => "",
    };

    internal static void Write(CompareResult result, string markdown, string json)
    {
        AtomicFile.Write(markdown, Encoding.UTF8.GetBytes($"{Introduction(result.Config)}\n{Table(result)}"));
        AtomicFile.Write(json, Json(result));
    }

    private static string Introduction(CompareConfig config)
    {
        string seeds = config.Seeds.Count == 1 ? $"seed {config.Seeds[0]}" : $"means over the seeds {string.Join(", ", config.Seeds)}, ± the sample's standard deviation";
        string crf = config.Crf is { } c
            ? string.Create(CultureInfo.InvariantCulture, $" The CRF: weights {c.BilateralWeight} and {c.SpatialWeight}, deviations {c.BilateralSigma}, {c.ColorSigma} and {c.SpatialSigma}, {c.Iterations} iterations.")
            : "";
        string crfRnn = config.CrfRnnSteps > 0
            ? string.Create(CultureInfo.InvariantCulture, $" CRF-RNN: {config.CrfRnnSteps} more steps of {config.BatchSize} images of the whole system with {(config.Crf is null ? "CRF-RNN's first" : "that")} CRF behind it, at a tenth of the learning rate.")
            : "";
        return string.Create(CultureInfo.InvariantCulture, $"""
            IoU in percent on {config.ValidationSplit}, {seeds}. From random weights at {config.Width} of VGG-16's channels: {config.Steps} steps of {config.BatchSize} images for every network
            from image to scores (input {config.Crop} for the front end, {config.PaddedCrop} for those that pad), then {config.ContextSteps} steps of {config.ContextBatchSize} stored score maps for a context
            module. The last checkpoint counts. Minutes are of training, the network's under a context module included.{crf}{crfRnn} Pictures show {(config.Systems.Count == 1 ? "the system" : "the systems")}, in the order
            of the rows, after image and truth.

            """);
    }

    private static byte[] Json(CompareResult result)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WritePropertyName("config");
            JsonSerializer.Serialize(json, result.Config, CompareJson.Default.CompareConfig);
            json.WriteStartArray("classes");
            foreach (string name in result.Classes.Names)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteStartArray("scores");
            foreach (CompareScore score in result.Scores)
            {
                json.WriteStartObject();
                json.WriteString("system", score.System.Name);
                json.WriteNumber("seed", score.Seed);
                json.WriteString("refinement", score.Refinement.ToString());
                Number(json, "meanIoU", score.Matrix.MeanIoU);
                Number(json, "pixelAccuracy", score.Matrix.PixelAccuracy);
                json.WriteStartArray("iou");
                foreach (double iou in score.Matrix.PerClassIoU())
                {
                    if (double.IsNaN(iou))
                    {
                        json.WriteNullValue();
                    }
                    else
                    {
                        json.WriteNumberValue(iou);
                    }
                }

                json.WriteEndArray();
                Number(json, "trainingSeconds", score.TrainingSeconds);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void Number(Utf8JsonWriter json, string name, double value)
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

    private static string Percent(double value) => double.IsNaN(value) ? "–" : (100 * value).ToString("F1", CultureInfo.InvariantCulture);
}
