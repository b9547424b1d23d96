using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation.Export;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated export</c>: a checkpoint's network for other programs.</summary>
internal sealed class ExportCommand
{
    private const string Safetensors = "safetensors";
    private const string Torchvision = "torchvision";
    private const string Onnx = "onnx";

    private readonly Argument<string> _checkpoint = new("checkpoint") { Description = "The checkpoint." };
    private readonly Option<string> _format = new Option<string>("--format")
    {
        Description = "safetensors (this library's names), torchvision (safetensors with the names and the input of torchvision's VGG-16) or onnx (opset 17, any image size).",
        Required = true,
        HelpName = $"{Safetensors}|{Torchvision}|{Onnx}",
    };

    private readonly Option<bool> _probabilities = new("--probabilities") { Description = "For onnx: end with a softmax over the classes instead of scores." };
    private readonly OutputFile _out = new("model.onnx");

    public static Command Create()
    {
        var verb = new ExportCommand();
        verb._format.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, Safetensors, Torchvision, Onnx);
        var command = new Command("export", "Writes a checkpoint's network for other programs: safetensors or ONNX.") { verb._checkpoint, verb._format, verb._probabilities };
        verb._out.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        string checkpoint = CheckpointPath.Existing(result.GetValue(_checkpoint)!);
        string target = _out.Path(result, checkpoint);
        string format = result.GetValue(_format)!.ToLowerInvariant();
        if (format != Onnx)
        {
            Given.Refuse(result, $"a {format} file holds weights and no softmax.", _probabilities);
        }

        using SegmentationModel model = ModelFile.Load(checkpoint, Device.Cpu);
        switch (format)
        {
            case Safetensors:
                ModelExport.ToSafetensors(target, model, cancellation);
                break;
            case Torchvision:
                ModelExport.ToTorchvision(target, model, cancellation);
                output.WriteLine("input       red, green, blue, each (x / 255 - mean) / deviation as torchvision has it");
                break;
            default:
                bool probabilities = result.GetValue(_probabilities);
                ModelExport.ToOnnx(target, model, probabilities, cancellation);
                ModelConfig config = model.Config;
                output.WriteLine(config.HasTrunk
                    ? string.Create(CultureInfo.InvariantCulture, $"input       image [batch, 3, height, width], blue, green, red, 0 to 255 less {string.Join(", ", config.MeanBgr)}; margin {model.Margin}")
                    : $"input       maps [batch, {model.Classes}, height, width], scores of a front end");
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"output      {(probabilities ? "probabilities" : "scores")} [batch, {model.Classes}, h, w], one for {model.OutputStride} pixels"));
                break;
        }

        output.WriteLine($"written to  {target}");
        return ExitCode.Ok;
    }
}
