using System.CommandLine;
using System.Runtime.ExceptionServices;
using DilatedKernels.Cli.Output;
using DilatedKernels.Cuda;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated bench</c>: dilation rates × passes on a device, as table, JSON and plot.</summary>
internal sealed class BenchCommand
{
    private const string CpuGroup = "dilation-sweep";
    private const string GpuGroup = "gpu-dilation-sweep";

    private readonly Option<string?> _group = new("--group") { Description = $"Which shapes, a group of bench/shapes.json. [default: {CpuGroup}, on a GPU {GpuGroup}]", HelpName = "GROUP" };
    private readonly Option<string?> _filter = new("--filter") { Description = "Only shapes whose name matches; alone, of all groups.", HelpName = "REGEX" };
    private readonly Option<string?> _pass = new("--pass") { Description = "Only this pass.", HelpName = "PASS" };
    private readonly Option<ElementType> _precision = PrecisionOption.Create();
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time for each pass, warm-up excluded; at least five samples are taken.", DefaultValueFactory = _ => 0.5, HelpName = "S" };
    private readonly Option<string?> _json = new("--json") { Description = "Write every sample, and the machine, as JSON.", HelpName = "FILE" };
    private readonly Option<string?> _plot = new("--plot") { Description = "Draw time over dilation, as the ending says.", HelpName = "FILE.svg|FILE.png" };
    private readonly Option<Float32Precision> _float32 = Choice.Of("--float32", "How a GPU's convolutions multiply float32; needs --device cuda.", Float32Precision.Strict);
    private readonly DeviceOptions _device = new();

    public static Command Create()
    {
        var verb = new BenchCommand();
        var command = new Command("bench", "Measures dilation rates and passes on a device. Every result is checked before it is timed.")
        {
            verb._group, verb._filter, verb._pass, verb._precision, verb._float32, verb._seconds, verb._json, verb._plot,
        };
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        double seconds = result.GetValue(_seconds);
        if (seconds is not (>= 0 and <= 3600))
        {
            throw new UserInputException($"--seconds is from 0 to 3600; it was {seconds}.");
        }

        string? json = Target(result, _json, ".json");
        string? plot = Target(result, _plot, ".svg");
        ShapeList list = ShapeList.BuiltIn();
        // Wrong names are told before a device is opened; the default group depends on it.
        _ = list.Select(result.GetValue(_group), result.GetValue(_filter));
        using Device device = _device.Open(result, result.GetValue(_float32));
        string? group = result.GetValue(_group) ?? (result.GetValue(_filter) is null ? (device.IsCpu ? CpuGroup : GpuGroup) : null);
        string type = BenchType.Of(result.GetValue(_precision));
        (BenchShape Shape, string Pass)[] work =
        [
            .. list.Select(group, result.GetValue(_filter)).Where(shape => shape.ElementTypes.Contains(type))
                .SelectMany(shape => shape.Passes.Select(pass => (shape, pass))),
        ];
        if (work.Length == 0)
        {
            IEnumerable<string> groups = list.Shapes.Where(shape => shape.ElementTypes.Contains(type)).SelectMany(shape => shape.Groups).Distinct().Order(StringComparer.Ordinal);
            throw new UserInputException($"None of these shapes is to be measured in {type}; groups with some that are: {string.Join(", ", groups)}.");
        }

        if (result.GetValue(_pass) is { } wanted)
        {
            string[] passes = [.. work.Select(w => w.Pass).Distinct()];
            work = passes.Contains(wanted)
                ? [.. work.Where(w => w.Pass == wanted)]
                : throw new UserInputException($"None of these shapes has a pass '{wanted}'; they have {string.Join(", ", passes)}.");
        }

        ProgressDisplay display = ProgressDisplay.For(result.InvocationConfiguration.Error);
        var measured = new List<Measurement>();
        using var measurer = new Measurer(device, new MeasuringOptions { Duration = TimeSpan.FromSeconds(seconds) });
        var failures = new List<string>();
        Exception? ended = null;
        try
        {
            foreach ((int index, (BenchShape shape, string pass)) in work.Index())
            {
                display.Count($"{shape.Name}, {pass}:", index + 1, work.Length);
                try
                {
                    measured.Add(measurer.Measure(shape, pass, type, cancellation));
                }
                catch (Exception e) when (e is WrongResultException or NotSupportedException or CudaException { IsFatal: false })
                {
                    failures.Add(e is WrongResultException ? e.Message : $"{shape.Name}, {pass}: {e.Message}");
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or CudaException && measured.Count > 0)
        {
            // What was measured is shown and written below, before this is told.
            ended = e;
        }
        finally
        {
            display.Finish();
        }

        Report(result, device, measurer, measured, complete: ended is null && failures.Count == 0, json, plot);
        failures.ForEach(result.InvocationConfiguration.Error.WriteLine);
        if (ended is not null)
        {
            ExceptionDispatchInfo.Throw(ended);
        }

        return failures.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    private void Report(ParseResult result, Device device, Measurer measurer, List<Measurement> measured, bool complete, string? json, string? plot)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        int threads = _device.Threads(result);
        MachineDescription machine = MachineDescription.Describe(device);
        string where = machine.Gpu ?? $"{machine.Processor}, {threads} thread{(threads == 1 ? "" : "s")}, {machine.VectorBits}-bit vectors";
        output.WriteLine($"{device}: {where}; {measurer.ClockName}, commit {machine.Commit}, {machine.Date}");
        BenchTable.Write(output, measured);
        foreach (Measurement m in measured.Where(m => m.WhyNotRecorded is { Length: > 0 }))
        {
            output.WriteLine($"{m.Shape.Name}, {m.Pass}, was launched kernel by kernel, not as a CUDA graph: {m.WhyNotRecorded}");
        }

        if (json is not null)
        {
            var report = new BenchReport(machine, device.Name, threads, measurer.ClockName, complete, BenchReportRow.Of(measured))
            {
                Float32 = result.GetValue(_float32) is var precision && precision == Float32Precision.Strict ? null : precision.ToString(),
                Tuning = device.IsCpu ? null : Environment.GetEnvironmentVariable("DILATEDKERNELS_CONV_TUNING"),
            };
            AtomicFile.Write(json, System.Text.Encoding.UTF8.GetBytes(report.ToJson()));
        }

        if (plot is not null)
        {
            if (BenchPlot.Draw(measured, where, asPng: IsPng(plot)) is { } picture)
            {
                AtomicFile.Write(plot, picture);
            }
            else
            {
                result.InvocationConfiguration.Error.WriteLine("No plot was drawn: no two convolutions among these differ in dilation alone.");
            }
        }
    }

    /// <summary>A file that can be written when the measuring is done, known before it starts.</summary>
    private static string? Target(ParseResult result, Option<string?> option, string ending)
    {
        if (result.GetValue(option) is not { } path)
        {
            return null;
        }

        if (path.Length == 0 || Directory.Exists(path))
        {
            throw new UserInputException($"{option.Name} names a file; '{path}' is {(path.Length == 0 ? "empty" : "a folder")}.");
        }

        if (ending == ".svg" && !path.EndsWith(ending, StringComparison.OrdinalIgnoreCase) && !IsPng(path))
        {
            throw new UserInputException($"{option.Name} {path}: plots are drawn as SVG or PNG; name a file that ends in .svg or .png.");
        }

        Targets.RefuseDevice(option.Name, path, "bench" + ending);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Directory.Exists(folder) ? path : throw new UserInputException($"{option.Name} {path}: there is no folder {folder}; create it first.");
    }

    private static bool IsPng(string path) => path.EndsWith(".png", StringComparison.OrdinalIgnoreCase);
}
