using System.CommandLine;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Compare;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated compare</c>: trains and scores several systems on the same data with the same budget.</summary>
internal sealed class CompareCommand
{
    private readonly Argument<string> _data = new("data") { Description = "The dataset folder." };
    private readonly Option<string> _out = new("--out") { Description = "A new folder, or that of the same comparison, interrupted: it goes on.", Required = true, HelpName = "FOLDER" };
    private readonly Option<string> _systems = new("--systems")
    {
        Description = $"The systems with commas between: {string.Join(", ", Trunks.Names)}; alone, or front-end and the DeepLabs with +basic or +large behind.",
        DefaultValueFactory = _ => string.Join(',', ComparedSystem.Paper.Select(system => system.Name)),
        HelpName = "LIST",
    };

    private readonly Option<int> _seeds = new("--seeds") { Description = "Runs of every system, with seeds from 1 on.", DefaultValueFactory = _ => 2, HelpName = "N" };
    private readonly Option<double> _width = new("--width") { Description = "Factor on the channels of VGG-16; 1 is all of them, 0.125 trains on two cores.", DefaultValueFactory = _ => 1, HelpName = "FACTOR" };
    private readonly Option<float> _dropout = new("--dropout") { Description = "Dropout rate after fc6 and fc7.", DefaultValueFactory = _ => 0.5f, HelpName = "RATE" };
    private readonly Option<long> _steps = new("--steps") { Description = "Steps of every network from image to scores.", DefaultValueFactory = _ => 1000, HelpName = "N" };
    private readonly Option<int> _batch = new("--batch") { Description = "Images in each of them.", DefaultValueFactory = _ => 4, HelpName = "N" };
    private readonly Option<string> _crop = new("--crop") { Description = "The front end's input in pixels, margins included.", DefaultValueFactory = _ => "564", HelpName = "SIZE" };
    private readonly Option<string> _paddedCrop = new("--padded-crop") { Description = "The input in pixels of an FCN or DeepLab.", DefaultValueFactory = _ => "321", HelpName = "SIZE" };
    private readonly Option<long> _contextSteps = new("--context-steps") { Description = "Steps of every context module, on stored score maps.", DefaultValueFactory = _ => 1000, HelpName = "N" };
    private readonly Option<int> _contextBatch = new("--context-batch") { Description = "Score maps in each of them.", DefaultValueFactory = _ => 8, HelpName = "N" };
    private readonly Option<long> _crfRnnSteps = new("--crf-rnn-steps") { Description = "Steps of every trained system with a CRF behind it that learns too; 0 leaves such systems out.", DefaultValueFactory = _ => 0, HelpName = "N" };
    private readonly Option<double> _rate = new("--learning-rate", "--lr") { Description = "The learning rate at the start, by Adam.", DefaultValueFactory = _ => 1e-3, HelpName = "RATE" };
    private readonly Option<string> _trainingSplit = new("--train-split") { Description = "The split to train on.", DefaultValueFactory = _ => "train", HelpName = "NAME" };
    private readonly Option<string> _validationSplit = new("--val-split") { Description = "The split to score on.", DefaultValueFactory = _ => "val", HelpName = "NAME" };
    private readonly Option<int> _pictures = new("--pictures") { Description = "Images to show side by side.", DefaultValueFactory = _ => 8, HelpName = "N" };
    private readonly Option<bool> _masksOnly = new("--masks-only") { Description = "Leave the photographs out of the pictures." };
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly CrfOptions _crf = new(isOptional: true);
    private readonly DeviceOptions _device = new();

    private IEnumerable<Option> Options =>
    [
        _out, _systems, _seeds, _width, _dropout, _steps, _batch, _crop, _paddedCrop, _contextSteps, _contextBatch, _crfRnnSteps, _rate, _trainingSplit, _validationSplit,
        _pictures, _masksOnly, _precision,
    ];

    public static Command Create()
    {
        var verb = new CompareCommand();
        var command = new Command("compare", "Trains several systems from random weights on the same data with the same budget, scores them without and with a CRF, and prints the paper's kind of table.") { verb._data };
        foreach (Option option in verb.Options)
        {
            command.Options.Add(option);
        }

        verb._crf.AddTo(command);
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        int pictures = result.GetValue(_pictures);
        int seeds = result.GetValue(_seeds);
        if (pictures < 0 || seeds is < 1 or > 1000)
        {
            throw new UserInputException($"--pictures is 0 or more and --seeds from 1 to 1000; they were {pictures} and {seeds}.");
        }

        string folder = result.GetValue(_out)!;
        string data = result.GetValue(_data)!;
        if (string.IsNullOrWhiteSpace(folder) || string.IsNullOrWhiteSpace(data))
        {
            throw new UserInputException("The dataset folder or --out was named with an empty text.");
        }

        var config = new CompareConfig
        {
            Data = Path.GetFullPath(data),
            TrainingSplit = result.GetValue(_trainingSplit)!,
            ValidationSplit = result.GetValue(_validationSplit)!,
            Systems = [.. result.GetValue(_systems)!.Split(',').Select(name => ComparedSystem.Parse(name).Name)],
            Seeds = [.. Enumerable.Range(1, seeds).Select(seed => (ulong)seed)],
            Width = result.GetValue(_width),
            Dropout = result.GetValue(_dropout),
            Steps = result.GetValue(_steps),
            BatchSize = result.GetValue(_batch),
            Crop = SizeText.Parse(result.GetValue(_crop), "--crop")!.Value,
            PaddedCrop = SizeText.Parse(result.GetValue(_paddedCrop), "--padded-crop")!.Value,
            ContextSteps = result.GetValue(_contextSteps),
            ContextBatchSize = result.GetValue(_contextBatch),
            CrfRnnSteps = result.GetValue(_crfRnnSteps),
            LearningRate = result.GetValue(_rate),
            Precision = result.GetValue(_precision),
            Crf = _crf.Parse(result),
        };
        using Device device = _device.Open(result);
        var display = new Display(ProgressDisplay.For(result.InvocationConfiguration.Error));
        try
        {
            CompareResult compared = Comparison.Run(config, folder, device, display, pictures, !result.GetValue(_masksOnly), _device.Threads(result), cancellation);
            display.Finish();
            result.InvocationConfiguration.Output.Write(CompareReport.Table(compared));
            return ExitCode.Ok;
        }
        catch (OperationCanceledException)
        {
            display.Finish();
            result.InvocationConfiguration.Output.WriteLine("Interrupted. The same command goes on where this one ended.");
            return ExitCode.Interrupted;
        }
        finally
        {
            display.Finish();
        }
    }

    private sealed class Display(ProgressDisplay display) : ICompareProgress
    {
        public void Training(string stage, TrainingProgress progress) => display.Training(stage, progress);

        public void Images(string stage, int done, int all) => display.Count(stage, done, all);

        public void Finish() => display.Finish();
    }
}
