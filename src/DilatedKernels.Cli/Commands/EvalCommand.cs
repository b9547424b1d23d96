using System.CommandLine;
using System.Text;
using System.Text.Json;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated eval</c>: per-class IoU, mean IoU and the confusion matrix of a checkpoint on a split.</summary>
internal sealed class EvalCommand
{
    private readonly Argument<string> _checkpoint = new("checkpoint") { Description = "The checkpoint." };
    private readonly Argument<string> _data = new("data") { Description = "The dataset folder." };
    private readonly Option<string> _split = new("--split") { Description = "The split to score.", DefaultValueFactory = _ => "val", HelpName = "NAME" };
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON, the confusion matrix included." };
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly ViewOptions _views = new();
    private readonly WindowOptions _windows = new();
    private readonly CrfOptions _crf = new(isOptional: true);
    private readonly DeviceOptions _device = new();

    public static Command Create()
    {
        var verb = new EvalCommand();
        var command = new Command("eval", "Scores a checkpoint on a split: per-class IoU, mean IoU, accuracy; with --json the confusion matrix too.") { verb._checkpoint, verb._data, verb._split, verb._json, verb._precision };
        verb._views.AddTo(command);
        verb._windows.AddTo(command);
        verb._crf.AddTo(command);
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        ProgressDisplay display = ProgressDisplay.For(result.InvocationConfiguration.Error);
        string split = result.GetValue(_split)!;
        string checkpoint = CheckpointPath.Existing(result.GetValue(_checkpoint)!);
        PredictionViews? views = _views.Parse(result);
        SlidingWindow? window = _windows.Parse(result);
        DenseCrfConfig? config = _crf.Parse(result);
        using Device device = _device.Open(result);
        DatasetFolder data = DatasetFolder.Open(result.GetValue(_data)!);
        IReadOnlyList<Sample> samples = data.Split(split);
        using SegmentationModel model = ModelFile.Load(checkpoint, device, result.GetValue(_precision));
        if (model.Config.Classes != data.Classes.Names.Count)
        {
            throw new UserInputException($"The checkpoint has {model.Config.Classes} classes, but the dataset has {data.Classes.Names.Count}.");
        }

        DatasetChecker.Check(data, split, cancellationToken: cancellation).ThrowIfUnusable();
        var predictor = new Predictor(model, views: views, window: window);
        DenseCrf? crf = config is null ? null : new DenseCrf(config, device, _device.Threads(result));
        ConfusionMatrix matrix = Evaluator.Run(
            image => crf is null ? predictor.Predict(image, cancellation: cancellation) : crf.Refine(image, predictor.Probabilities(image, cancellation: cancellation), cancellation).ArgMax(),
            samples, data.Classes, (done, _, _) => display.Count("image", done, samples.Count), cancellation);
        display.Finish();
        if (result.GetValue(_json))
        {
            output.WriteLine(ToJson(matrix, data.Classes.Names, views, window, config));
        }
        else
        {
            Tables.WriteScores(output, matrix, data.Classes.Names);
            if (NextStep.AfterEval(checkpoint) is { } next)
            {
                output.WriteLine($"Next: {next}");
            }
        }

        return ExitCode.Ok;
    }

    private static string ToJson(ConfusionMatrix matrix, IReadOnlyList<string> names, PredictionViews? views, SlidingWindow? window, DenseCrfConfig? crf)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            if (views is not null)
            {
                json.WriteBoolean("flip", views.Flip);
                json.WriteStartArray("scales");
                foreach (double scale in views.Scales)
                {
                    json.WriteNumberValue(scale);
                }

                json.WriteEndArray();
            }

            if (window is not null)
            {
                json.WriteStartObject("window");
                json.WriteNumber("size", window.Size);
                json.WriteNumber("overlap", window.Overlap);
                json.WriteString("blend", window.Blending.ToString());
                json.WriteEndObject();
            }

            if (crf is not null)
            {
                json.WritePropertyName("crf");
                json.WriteRawValue(crf.ToJson());
            }

            json.WriteNumber("meanIoU", matrix.MeanIoU);
            json.WriteNumber("pixelAccuracy", matrix.PixelAccuracy);
            json.WriteStartArray("classes");
            for (int c = 0; c < names.Count; c++)
            {
                json.WriteStartObject();
                json.WriteString("name", names[c]);
                if (double.IsNaN(matrix.IoU(c)))
                {
                    json.WriteNull("iou");
                }
                else
                {
                    json.WriteNumber("iou", matrix.IoU(c));
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("confusion");
            for (int truth = 0; truth < names.Count; truth++)
            {
                json.WriteStartArray();
                for (int predicted = 0; predicted < names.Count; predicted++)
                {
                    json.WriteNumberValue(matrix[truth, predicted]);
                }

                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
