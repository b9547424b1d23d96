using System.Globalization;
using System.Text;
using System.Text.Json;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Output;

/// <summary>A model summary as a table or as JSON.</summary>
internal static class SummaryText
{
    public static void Write(TextWriter output, ModelSummary summary)
    {
        string[] header = ["layer", "kind", "kernel", "stride", "dil.", "pad", "field", "cells", "channels", "size", "parameters", "MFLOP", "MB"];
        var rows = new List<string[]> { header };
        foreach (LayerSummary layer in summary.Layers)
        {
            rows.Add(
            [
                layer.Name, layer.Kind, Text(layer.Kernel), Text(layer.Stride), Text(layer.Dilation), Text(layer.Padding), Text(layer.ReceptiveField),
                layer.ContextField is { } cells ? Text(cells) : "", Text(layer.Channels), $"{layer.Size.Height}x{layer.Size.Width}",
                layer.Parameters.ToString("N0", CultureInfo.InvariantCulture), Millions(layer.Flops), Millions(layer.ActivationBytes),
            ]);
        }

        Tables.Write(output, rows, leftAligned: 2, lessNeeded: ["MFLOP", "pad", "MB", "stride", "cells", "kind", "channels"]);
        output.WriteLine();
        Line("network", summary.Config.Name);
        Line("input", $"{summary.Input} (batch, channels, height, width)");
        Line("output", $"{summary.Output}");
        Line("receptive field", $"{summary.ReceptiveField} pixels; stride {summary.Stride}, margin {summary.Margin} pixels on each side");
        Line("parameters", string.Create(CultureInfo.InvariantCulture, $"{summary.Parameters:N0} ({summary.ParameterBytes / 1e6:F1} MB)"));
        if (summary.Config.Context is not null)
        {
            Line("  of the context", summary.Layers.Where(layer => layer.ContextField is not null).Sum(layer => layer.Parameters).ToString("N0", CultureInfo.InvariantCulture));
        }

        if (summary.Config.Crf is not null)
        {
            Line("  of the CRF", summary.CrfParameters.ToString("N0", CultureInfo.InvariantCulture));
        }

        Line("forward", string.Create(CultureInfo.InvariantCulture, $"{summary.Flops / 1e9:F2} GFLOP"));
        Line("activations", string.Create(
            CultureInfo.InvariantCulture, $"{summary.InferenceActivationBytes / 1e6:F1} MB predicting, {summary.TrainingActivationBytes / 1e6:F1} MB training"));
        if (summary.Config.Crf is { } crf)
        {
            Line("  and the CRF's", string.Create(
                CultureInfo.InvariantCulture,
                $"{summary.CrfInferenceBytes / 1e6:F1} MB predicting, {summary.CrfTrainingBytes / 1e6:F1} MB training{(crf.Kernel == CrfKernel.Exact ? "" : ", and its lattice points")}"));
        }

        void Line(string name, string value) => output.WriteLine($"{name,-17}{value}");
    }

    public static string ToJson(ModelSummary summary)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("network", summary.Config.Name);
            json.WriteString("input", summary.Input.ToString());
            json.WriteString("output", summary.Output.ToString());
            json.WriteNumber("receptiveField", summary.ReceptiveField);
            json.WriteNumber("stride", summary.Stride);
            json.WriteNumber("margin", summary.Margin);
            json.WriteNumber("parameters", summary.Parameters);
            json.WriteNumber("flops", summary.Flops);
            json.WriteNumber("inferenceActivationBytes", summary.InferenceActivationBytes);
            json.WriteNumber("trainingActivationBytes", summary.TrainingActivationBytes);
            if (summary.Config.Crf is not null)
            {
                json.WriteNumber("crfInferenceBytes", summary.CrfInferenceBytes);
                json.WriteNumber("crfTrainingBytes", summary.CrfTrainingBytes);
            }

            json.WriteStartArray("layers");
            foreach (LayerSummary layer in summary.Layers)
            {
                WriteLayer(json, layer);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteLayer(Utf8JsonWriter json, LayerSummary layer)
    {
        json.WriteStartObject();
        json.WriteString("name", layer.Name);
        json.WriteString("kind", layer.Kind);
        json.WriteNumber("kernel", layer.Kernel);
        json.WriteNumber("stride", layer.Stride);
        json.WriteNumber("dilation", layer.Dilation);
        json.WriteNumber("padding", layer.Padding);
        json.WriteNumber("receptiveField", layer.ReceptiveField);
        if (layer.ContextField is { } cells)
        {
            json.WriteNumber("contextField", cells);
        }

        json.WriteNumber("channels", layer.Channels);
        json.WriteNumber("height", layer.Size.Height);
        json.WriteNumber("width", layer.Size.Width);
        json.WriteNumber("parameters", layer.Parameters);
        json.WriteNumber("flops", layer.Flops);
        json.WriteNumber("activationBytes", layer.ActivationBytes);
        json.WriteEndObject();
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Millions(long value) => (value / 1e6).ToString("N1", CultureInfo.InvariantCulture);
}
