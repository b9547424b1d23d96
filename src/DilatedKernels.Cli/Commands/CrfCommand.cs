using System.CommandLine;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated crf</c>: refines a network's probabilities, saved ones too, and searches for the parameters that do it best.</summary>
internal sealed class CrfCommand
{
    private readonly Argument<string> _source = new("source") { Description = "A checkpoint, or a folder of probabilities that predict --save-probabilities wrote." };
    private readonly Argument<string[]> _inputs = new("images") { Description = "PNG or JPEG images, or folders of them; with --search the dataset folder.", Arity = ArgumentArity.OneOrMore };
    private readonly CrfOptions _crf = new(isOptional: false);
    private readonly PredictionOutput _output = new("refined");
    private readonly Option<bool> _search = new("--search") { Description = "Score every combination of parameters, given with commas between values, on a split of a dataset; the best comes last." };
    private readonly Option<string> _split = new("--split") { Description = "With --search: the split.", DefaultValueFactory = _ => "val", HelpName = "NAME" };
    private readonly Option<int?> _count = new("--images") { Description = "With --search: score on so many images, spread evenly over the split. [default: all]", HelpName = "N" };
    private readonly Option<string> _best = new("--best") { Description = "With --search: where the best parameters go, for --crf.", DefaultValueFactory = _ => "crf.json", HelpName = "FILE" };
    private readonly Option<bool> _json = new("--json") { Description = "With --search: print JSON." };
    private readonly Option<int> _tile = TileOption.Create();
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly ViewOptions _views = new();
    private readonly WindowOptions _windows = new();
    private readonly DeviceOptions _device = new();

    public static Command Create()
    {
        var verb = new CrfCommand();
        var command = new Command("crf", "Refines probabilities with a dense CRF: masks and overlays as of predict; with --search finds its parameters on a split.") { verb._source, verb._inputs };
        verb._crf.AddTo(command);
        verb._output.AddTo(command);
        foreach (Option option in (Option[])[verb._search, verb._split, verb._count, verb._best, verb._json, verb._tile, verb._precision, .. verb._views.Options, .. verb._windows.Options])
        {
            command.Options.Add(option);
        }

        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation) => result.GetValue(_search) ? Search(result, cancellation) : Refine(result, cancellation);

    private int Refine(ParseResult result, CancellationToken cancellation)
    {
        Given.Refuse(result, "they are for --search.", _split, _count, _best, _json);
        string[] all = ImageArguments.Expand(result.GetValue(_inputs)!);
        DenseCrfConfig config = _crf.Parse(result)!;
        string[] images = _output.Check(result, all, [.. ProbabilitySource.Files(result.GetValue(_source)!, all), .. _crf.Files(result)]);
        PredictionOutput.TellSkipped(all.Length, images.Length, result.InvocationConfiguration.Error);
        using Device device = _device.Open(result);
        var crf = new DenseCrf(config, device, _device.Threads(result));
        using ProbabilitySource source = Open(result, device);
        return _output.Run(result, images, (path, image) =>
        {
            (ProbabilityMap map, Palette palette) = source.Get(path, image, cancellation);
            ProbabilityMap refined = crf.Refine(image, map, cancellation);
            return new Prediction(refined.ArgMax(), palette, refined);
        }, group: null, cancellation);
    }

    private int Search(ParseResult result, CancellationToken cancellation)
    {
        Given.Refuse(result, "--search writes no images.", _output.Options.Where(option => option.Name != "--overwrite"));
        if (result.GetValue(_inputs) is not [string root])
        {
            throw new UserInputException("With --search there is one dataset folder after the source.");
        }

        string best = result.GetValue(_best)!;
        CheckTarget(best, _output.Overwrites(result), ProbabilitySource.Files(result.GetValue(_source)!, []));
        CrfGrid grid = _crf.ParseGrid(result);
        DatasetFolder data = DatasetFolder.Open(root);
        string split = result.GetValue(_split)!;
        IReadOnlyList<Sample> samples = Spread(data.Split(split), result.GetValue(_count));
        using Device device = _device.Open(result);
        var search = new CrfSearch(grid, data.Classes.Count, data.Classes.VoidLabel, device, _device.Threads(result));
        DatasetChecker.Check(data, split, cancellationToken: cancellation).ThrowIfUnusable();
        if (Directory.Exists(result.GetValue(_source)))
        {
            ProbabilitySource.CheckNames(samples.Select(sample => sample.ImagePath));
        }

        using ProbabilitySource source = Open(result, device);
        ProgressDisplay display = ProgressDisplay.For(result.InvocationConfiguration.Error);
        int done = 0;
        bool stopped = false;
        try
        {
            foreach (Sample sample in samples)
            {
                cancellation.ThrowIfCancellationRequested();
                (RgbImage image, IndexMask truth) = Evaluator.Read(sample);
                (ProbabilityMap map, _) = source.Get(sample.ImagePath, image, cancellation);
                if (map.Classes != data.Classes.Count)
                {
                    throw new UserInputException($"The probabilities have {map.Classes} classes, but the dataset has {data.Classes.Count}.");
                }

                search.Add(image, truth, map, () => display.Count("combination", ++done, samples.Count * search.Candidates), cancellation);
            }
        }
        catch (OperationCanceledException) when (search.Images > 0)
        {
            stopped = true;
        }

        display.Finish();
        CrfTable.Write(result.InvocationConfiguration.Output, search, result.GetValue(_json));
        AtomicFile.Write(best, System.Text.Encoding.UTF8.GetBytes(search.Ranked[^1].Config.ToJson() + "\n"));
        if (stopped)
        {
            result.InvocationConfiguration.Error.WriteLine($"dilated: interrupted; the scores are of {search.Images} of {samples.Count} images.");
        }

        result.InvocationConfiguration.Error.WriteLine($"The best parameters are in {best}: use them with --crf {best}.");
        return stopped ? ExitCode.Interrupted : ExitCode.Ok;
    }

    private ProbabilitySource Open(ParseResult result, Device device)
    {
        string source = result.GetValue(_source)!;
        if (Directory.Exists(source))
        {
            Given.Refuse(result, "the probabilities are saved already.", [_tile, _precision, .. _views.Options, .. _windows.Options]);
            return ProbabilitySource.FromFolder(source);
        }

        int tile = TileOption.Get(result, _tile);
        PredictionViews? views = _views.Parse(result);
        SlidingWindow? window = _windows.Parse(result);
        string checkpoint = CheckpointPath.Existing(source);
        SegmentationModel model = ModelFile.Load(checkpoint, device, result.GetValue(_precision));
        TileOption.Check(result, _tile, model);
        return ProbabilitySource.FromNetwork(model, tile, views, window);
    }

    private static void CheckTarget(string path, bool overwrite, IEnumerable<string> sources)
    {
        if (string.IsNullOrWhiteSpace(path) || Directory.Exists(path) || Path.GetDirectoryName(Path.GetFullPath(path)) is not { } folder || !Directory.Exists(folder))
        {
            throw new UserInputException($"--best names a file in a folder that exists; \"{path}\" cannot be one.");
        }

        Targets.RefuseDevice("--best", path, "crf.json");
        if (Targets.Real(sources).Contains(RealPath.Of(path)))
        {
            throw new UserInputException($"--best {path} is a file to be read; name another one.");
        }

        if (!overwrite && File.Exists(path))
        {
            throw new UserInputException($"{path} exists already; name another file with --best, or allow it with --overwrite.");
        }
    }

    private static IReadOnlyList<Sample> Spread(IReadOnlyList<Sample> samples, int? count)
    {
        if (count is < 1)
        {
            throw new UserInputException($"--images is 1 or more; it was {count}.");
        }

        int wanted = Math.Min(count ?? samples.Count, samples.Count);
        return [.. Enumerable.Range(0, wanted).Select(i => samples[(int)((long)i * samples.Count / wanted)])];
    }
}
