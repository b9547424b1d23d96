using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Bench;

/// <summary><c>--start</c>: what a person waits for the program, from the start of its process to its end.</summary>
internal sealed class StartCommand
{
    private const double Width = 0.125;
    private const int Classes = 11;

    // As the CamVid frames that segmentation papers use.
    private static readonly Size2 s_image = new(360, 480);

    private readonly Option<int> _runs = new("--runs") { Description = "How often each is started; all take turns.", DefaultValueFactory = _ => 11, HelpName = "N" };
    private readonly Option<string?> _program = new("--program") { Description = "The program. [default: what was built beside this one]", HelpName = "FILE" };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and start]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new StartCommand();
        var root = new RootCommand("Measures the program from the start of its process to its end and writes a results folder.") { verb._runs, verb._program, verb._results };
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

        string program = result.GetValue(_program)
            ?? Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "DilatedKernels.Cli", "release", OperatingSystem.IsWindows() ? "dilated.exe" : "dilated"));
        if (!File.Exists(program))
        {
            throw new UserInputException($"There is no program {program}; name it with --program.");
        }

        MachineDescription machine = MachineDescription.Describe((Device?)null);
        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName, "start");
        DirectoryInfo work = Directory.CreateTempSubdirectory("dilated-start-");
        try
        {
            string model = Path.Combine(work.FullName, "model.safetensors");
            string image = Path.Combine(work.FullName, "image.png");
            MakeModel(model);
            PngWriter.Write(image, MakeImage());
            (string What, string[] Arguments)[] commands =
            [
                ("dilated --version", ["--version"]),
                ("dilated info --width 0.125", ["info", "--width", "0.125"]),
                ("dilated predict, one image", ["predict", model, image, "--overwrite", "--out", Path.Combine(work.FullName, "masks")]),
            ];
            List<double>[] times = [.. commands.Select(_ => new List<double>())];
            // The first round reads the files from the disk and does not count.
            for (int round = -1; round < runs; round++)
            {
                for (int i = 0; i < commands.Length; i++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    double ms = Time(program, commands[i].Arguments);
                    if (round >= 0)
                    {
                        times[i].Add(ms);
                    }
                }
            }

            string text = ToMarkdown(machine, $"./build.sh bench --start {string.Join(' ', arguments)}".TrimEnd(), runs, commands.Select((w, i) => (w.What, Statistics.Of(times[i]))));
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "README.md"), text);
            Console.Write(text);
            Console.WriteLine($"Written to {folder}.");
            return 0;
        }
        finally
        {
            work.Delete(recursive: true);
        }
    }

    private static void MakeModel(string path)
    {
        using Device device = Device.CreateCpu(1);
        using SegmentationModel model = SegmentationModel.Create(device, new ModelConfig { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(Classes, Width) }, seed: 1);
        ModelFile.Save(path, model);
    }

    private static RgbImage MakeImage()
    {
        byte[] pixels = new byte[3 * s_image.Height * s_image.Width];
        new Random(1).NextBytes(pixels);
        return new RgbImage(s_image.Width, s_image.Height, pixels);
    }

    private static double Time(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        var clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = process.StandardError.ReadToEnd();
        output.Wait();
        process.WaitForExit();
        return process.ExitCode == 0
            ? clock.Elapsed.TotalMilliseconds
            : throw new PeerException($"{Path.GetFileName(program)} {string.Join(' ', arguments)} ended with exit code {process.ExitCode}: {errors.Trim()}");
    }

    private static string ToMarkdown(MachineDescription machine, string command, int runs, IEnumerable<(string What, Statistics Ms)> rows)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # From the start of the process to its end

            `{command}`, {machine.Date}, commit {machine.Commit}: {machine.Processor}, {machine.Cores} cores, {machine.Runtime}, {machine.OperatingSystem}.

            Medians of {runs} runs in turns, after one that does not count, and the range. The image is {s_image.Width}x{s_image.Height} pixels of noise as PNG, the
            checkpoint a front end of width {Width.ToString(CultureInfo.InvariantCulture)} with {Classes} classes; its prediction writes a mask and an overlay. The program is the framework-dependent one that the build makes.

            | | ms | range |
            |---|---|---|

            """);
        foreach ((string what, Statistics ms) in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {what} | {ms.Median:F0} | {ms.Min:F0} to {ms.Max:F0} |\n");
        }

        return text.ToString();
    }
}
