using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Bench;

/// <summary><c>--crf</c>: time and memory of the dense CRF over image sizes, the lattice beside the kernel by its definition.</summary>
internal sealed class CrfCommand
{
    private const int Classes = 21;
    private const int Iterations = 10;

    // The exact kernel's time grows with the square of the area; 128² is where it already takes seconds.
    private static readonly (int Width, int Height, CrfKernel Kernel)[] Cases =
    [
        (64, 64, CrfKernel.Exact), (64, 64, CrfKernel.Lattice), (128, 128, CrfKernel.Exact), (128, 128, CrfKernel.Lattice),
        (480, 360, CrfKernel.Lattice), (1024, 1024, CrfKernel.Lattice), (2048, 1024, CrfKernel.Lattice),
    ];

    private readonly Option<string> _device = new("--device") { Description = "cpu or cuda, which computes the lattice's kernels alone.", DefaultValueFactory = _ => "cpu", HelpName = "cpu|cuda" };
    private readonly Option<string> _threads = new("--threads") { Description = "Processor threads; several separated by commas.", DefaultValueFactory = _ => "1", HelpName = "N[,N]" };
    private readonly Option<int> _runs = new("--runs") { Description = "Runs of each case; medians count.", DefaultValueFactory = _ => 5, HelpName = "N" };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and crf]", HelpName = "FOLDER" };

    private sealed record Row(int Width, int Height, CrfKernel Kernel, int Threads, double PrepareMs, double IterationMs, double TotalMs, double TotalMinMs, double TotalMaxMs, double AllocatedMb)
    {
        public double MsPerMegapixel => TotalMs / (Width * Height) * 1e6;
    }

    public static int Run(string[] arguments)
    {
        var verb = new CrfCommand();
        var root = new RootCommand("Measures the dense CRF over image sizes and writes a results folder.") { verb._device, verb._threads, verb._runs, verb._results };
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

        int[] threads = ThreadCounts.Parse(result.GetValue(_threads)!);
        string name = result.GetValue(_device)!;
        if (name is not ("cpu" or "cuda"))
        {
            throw new UserInputException($"--device is cpu or cuda; it was {name}.");
        }

        using Device? gpu = name == "cuda" ? Device.CreateCuda() : null;
        MachineDescription machine = MachineDescription.Describe(gpu);
        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName, "crf");
        var rows = new List<Row>();
        foreach (int count in threads)
        {
            foreach ((int width, int height, CrfKernel kernel) in Cases.Where(c => gpu is null || c.Kernel == CrfKernel.Lattice))
            {
                Row row = Measure(width, height, kernel, gpu ?? Device.Cpu, count, runs, cancellation);
                rows.Add(row);
                Console.Error.WriteLine(Line(row));
            }
        }

        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "raw.json"), ToJson(machine, rows));
        File.WriteAllText(Path.Combine(folder, "README.md"), ToMarkdown(machine, rows, arguments));
        Console.Out.WriteLine(folder);
        return 0;
    }

    private static Row Measure(int width, int height, CrfKernel kernel, Device device, int threads, int runs, CancellationToken cancellation)
    {
        (RgbImage image, ProbabilityMap map) = Scene(width, height);
        DenseCrfConfig config = DenseCrfConfig.DeepLab with { Kernel = kernel, Iterations = Iterations };
        var whole = new DenseCrf(config, device, threads);
        var prepare = new DenseCrf(config with { Iterations = 0 }, device, threads);
        // The compiler's first version of a method is slow; two runs bring the next.
        prepare.Refine(image, map, cancellation);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        whole.Refine(image, map, cancellation);
        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        var total = new List<double>();
        var start = new List<double>();
        for (int run = 0; run < runs; run++)
        {
            start.Add(Time(prepare));
            total.Add(Time(whole));
        }

        Statistics all = Statistics.Of(total);
        double preparing = Statistics.Of(start).Median;
        return new Row(width, height, kernel, threads, preparing, (all.Median - preparing) / Iterations, all.Median, all.Min, all.Max, allocated / 1e6);

        double Time(DenseCrf crf)
        {
            long begin = Stopwatch.GetTimestamp();
            crf.Refine(image, map, cancellation);
            return Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }
    }

    /// <summary>A shaded picture with a disk and noise of 6 levels, about a camera's, on which the number of lattice points depends; and unsure probabilities.</summary>
    private static (RgbImage Image, ProbabilityMap Map) Scene(int width, int height)
    {
        float[] noise = RandomData.Values(3L * width * height, "crf image", 10);
        float[] scores = RandomData.Values((long)Classes * width * height, "crf scores", 2);
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < width * height; i++)
        {
            double x = (i % width) / (double)width;
            double y = (i / width) / (double)height;
            bool inside = ((x - 0.45) * (x - 0.45)) + ((y - 0.55) * (y - 0.55)) < 0.09;
            for (int c = 0; c < 3; c++)
            {
                pixels[(3 * i) + c] = (byte)Math.Clamp((inside ? 170 - (30 * c) : 60 + (20 * c)) + (40 * x) + noise[(3 * i) + c], 0, 255);
            }

            Span<float> pixel = scores.AsSpan(i * Classes, Classes);
            pixel[inside ? 1 : 0] += 3;
            float sum = 0;
            foreach (ref float value in pixel)
            {
                value = MathF.Exp(value);
                sum += value;
            }

            foreach (ref float value in pixel)
            {
                value /= sum;
            }
        }

        return (new RgbImage(width, height, pixels), new ProbabilityMap(width, height, Classes, scores));
    }

    private static string Line(Row row) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.Width}×{row.Height} | {row.Kernel} | {row.Threads} | {row.PrepareMs:F0} | {row.IterationMs:F1} | {row.TotalMs:F0} | {row.TotalMinMs:F0} to {row.TotalMaxMs:F0} | {row.MsPerMegapixel:F0} | {row.AllocatedMb:F0} |");

    private static string ToMarkdown(MachineDescription machine, List<Row> rows, string[] arguments)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Dense CRF

            `./build.sh bench {string.Join(' ', arguments.Prepend("--crf"))}`, {machine.Date}, commit {machine.Commit}: {Hardware(machine)}, {machine.Runtime}, {machine.OperatingSystem}.

            {Classes} classes, DeepLab's parameters, {Iterations} iterations, a shaded and noisy picture. `Exact` compares every pixel with every other. To prepare is to take
            logarithms, to build both kernels and to filter once for their normalisation, on the processor whatever the device; medians, and the range of the
            whole, copies to and from the device included. Allocated is what one run takes from the processor's heap in all, which is more than it holds at once.

            | pixels | kernel | threads | prepare, ms | one iteration, ms | all, ms | range, ms | ms a megapixel | allocated, MB |
            |---|---|---|---|---|---|---|---|---|

            """);
        foreach (Row row in rows)
        {
            text.Append(Line(row)).Append('\n');
        }

        return text.ToString();
    }

    private static string Hardware(MachineDescription machine) =>
        $"{(machine.Gpu is null ? "" : $"{machine.Gpu}; ")}{machine.Processor}, {machine.Cores} cores";

    private static string ToJson(MachineDescription machine, List<Row> rows)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("processor", machine.Processor);
            json.WriteNumber("cores", machine.Cores);
            json.WriteString("gpu", machine.Gpu);
            json.WriteString("runtime", machine.Runtime);
            json.WriteString("operating_system", machine.OperatingSystem);
            json.WriteString("commit", machine.Commit);
            json.WriteString("date", machine.Date);
            json.WriteNumber("classes", Classes);
            json.WriteNumber("iterations", Iterations);
            json.WriteStartArray("rows");
            foreach (Row row in rows)
            {
                json.WriteStartObject();
                json.WriteNumber("width", row.Width);
                json.WriteNumber("height", row.Height);
                json.WriteString("kernel", row.Kernel == CrfKernel.Exact ? "exact" : "lattice");
                json.WriteNumber("threads", row.Threads);
                json.WriteNumber("prepare_ms", row.PrepareMs);
                json.WriteNumber("iteration_ms", row.IterationMs);
                json.WriteNumber("total_ms", row.TotalMs);
                json.WriteNumber("total_min_ms", row.TotalMinMs);
                json.WriteNumber("total_max_ms", row.TotalMaxMs);
                json.WriteNumber("ms_per_megapixel", row.MsPerMegapixel);
                json.WriteNumber("allocated_mb", row.AllocatedMb);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }
}
