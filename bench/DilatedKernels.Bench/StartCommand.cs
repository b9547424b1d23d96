using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Export;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Bench;

/// <summary><c>--start</c>: what a person waits for the program, from the start of its process to its end, and how large it is.</summary>
internal sealed class StartCommand
{
    private const double Width = 0.125;
    private const int Classes = 11;
    private const string Alone = "the network alone, once";

    // As the CamVid frames that segmentation papers use.
    private static readonly Size2 s_image = new(360, 480);

    private static readonly string s_packageCache = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } given
        ? given : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private readonly Option<int> _runs = new("--runs") { Description = "How often each is started; all take turns.", DefaultValueFactory = _ => 11, HelpName = "N" };
    private readonly Option<string?> _program = new("--program") { Description = "The program. [default: what was built beside this one]", HelpName = "FILE" };
    private readonly TorchSharpOptions _torchSharp = new();
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and start]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new StartCommand();
        var root = new RootCommand("Measures the program from the start of its process to its end, and its size, and writes a results folder.") { verb._runs, verb._program, verb._results };
        verb._torchSharp.AddTo(root);
        root.SetAction((result, cancellation) => Task.FromResult(verb.Measure(result, arguments, cancellation)));
        return BenchHost.Run(root, arguments);
    }

    private int Measure(ParseResult result, string[] arguments, CancellationToken cancellation)
    {
        int runs = result.GetValue(_runs);
        if (runs is < 1 or > 1000)
        {
            throw new UserInputException($"--runs is from 1 to 1000; it was {runs}.");
        }

        string program = OurFiles.Existing(result.GetValue(_program) ?? OurFiles.Built("DilatedKernels.Cli", "dilated"));
        string? native = OurFiles.Native(program);
        Peer[] peers = [new("ONNX Runtime", [OurFiles.Existing(OurFiles.Built("OnnxStart", "OnnxStart"))]), .. _torchSharp.Command(result, "TorchSharpStart") is { } torchSharp ? (Peer[])[new("TorchSharp", torchSharp)] : []];
        MachineDescription machine = MachineDescription.Describe((Device?)null);
        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName, "start");
        DirectoryInfo work = Directory.CreateTempSubdirectory("dilated-start-");
        try
        {
            Started[] rows = [.. Programs(work.FullName, program, native, peers)];
            // The first round reads the files from the disk and does not count.
            for (int round = -1; round < runs; round++)
            {
                foreach (Started row in rows)
                {
                    cancellation.ThrowIfCancellationRequested();
                    double ms = Time(row.Command);
                    if (round >= 0)
                    {
                        row.Milliseconds.Add(ms);
                    }
                }
            }

            StartSize[] sizes = [.. OurFiles.Sizes(program, native), .. peers.SelectMany(p => p.Sizes)];
            var report = new StartReport($"./build.sh bench --start {string.Join(' ', arguments)}".TrimEnd(), machine, About(_torchSharp.Through(result)), [.. rows.Select(r => r.Row)], sizes);
            report.Write(folder);
            Console.Write(report.ToMarkdown());
            Console.WriteLine($"Written to {folder}.");
            return 0;
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static string About(string? through) => string.Create(CultureInfo.InvariantCulture, $"""
        The image is {s_image.Width}x{s_image.Height} pixels of noise as PNG,
        the checkpoint a front end of width {Width} with {Classes} classes; its prediction writes a mask and an overlay. The native executable is what
        `./build.sh aot` makes; on the .NET runtime is the framework-dependent program that the build makes. ONNX Runtime's program reads the same network,
        exported, TorchSharp's builds its like; they run it once on noise of the same size and neither read nor write an image.{(through is null ? "" : $"\nTorchSharp's is started through `{through}`.")}
        """);

    private static IEnumerable<Started> Programs(string work, string program, string? native, Peer[] peers)
    {
        string weights = Path.Combine(work, "model.safetensors");
        string onnx = Path.Combine(work, "model.onnx");
        string image = Path.Combine(work, "image.png");
        Size2 input = MakeModel(weights, onnx);
        PngWriter.Write(image, MakeImage());
        (string What, double? Budget, string[] Arguments)[] commands =
        [
            ("dilated --version", 50, ["--version"]),
            ("dilated info --width 0.125", null, ["info", "--width", "0.125"]),
            ("dilated predict, one image", 300, ["predict", weights, image, "--overwrite", "--out", Path.Combine(work, "masks")]),
        ];
        foreach ((string what, double? budget, string[] arguments) in commands)
        {
            if (native is not null)
            {
                yield return new Started(what, "native executable", budget, [native, .. arguments]);
            }

            yield return new Started(what, "on the .NET runtime", null, [program, .. arguments]);
        }

        foreach (Peer peer in peers)
        {
            yield return new Started(Alone, peer.Name, null, [.. peer.Program, onnx, input.Height.ToString(CultureInfo.InvariantCulture), input.Width.ToString(CultureInfo.InvariantCulture)]);
        }
    }

    private static Size2 MakeModel(string weights, string onnx)
    {
        using Device device = Device.CreateCpu(1);
        using SegmentationModel model = SegmentationModel.Create(device, new ModelConfig { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(Classes, Width) }, seed: 1);
        ModelFile.Save(weights, model);
        ModelExport.ToOnnx(onnx, model);
        return new Size2(s_image.Height + (2 * model.Margin), s_image.Width + (2 * model.Margin));
    }

    private static RgbImage MakeImage()
    {
        byte[] pixels = new byte[3 * s_image.Height * s_image.Width];
        new Random(1).NextBytes(pixels);
        return new RgbImage(s_image.Width, s_image.Height, pixels);
    }

    private static double Time(string[] command)
    {
        var clock = Stopwatch.StartNew();
        ProgramOutput.Of(command);
        return clock.Elapsed.TotalMilliseconds;
    }

    // Another framework's program: what starts it, where something has to, and itself.
    private sealed record Peer(string Name, string[] Program)
    {
        public IEnumerable<StartSize> Sizes => [StartSize.OfPackages(Name, Program[^1], s_packageCache), StartSize.OfDeployment(Name, Program[^1])];
    }

    private sealed record Started(string What, string Side, double? Budget, string[] Command)
    {
        public List<double> Milliseconds { get; } = [];

        public StartRow Row => new(What, Side, Budget, Milliseconds);
    }
}
