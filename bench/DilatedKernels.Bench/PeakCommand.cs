using System.CommandLine;
using System.Diagnostics;
using System.Runtime.Intrinsics;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary><c>--peak</c>: the direct convolution as a share of the processor's peak, which is measured in the same run.</summary>
internal sealed class PeakCommand
{
    private const string Group = "cpu-peak";
    private const string Avx512Switch = "DOTNET_EnableAVX512";

    private readonly Option<string> _threads = new("--threads") { Description = "Processor threads; several separated by commas.", DefaultValueFactory = _ => "1", HelpName = "N[,N]" };
    private readonly Option<int> _rounds = new("--rounds") { Description = "How often peak and convolution take turns; medians count.", DefaultValueFactory = _ => 9, HelpName = "N" };
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time for a convolution in one round.", DefaultValueFactory = _ => 0.2, HelpName = "S" };
    private readonly Option<bool> _noAvx512 = new("--no-avx512") { Description = "Switch AVX-512 off." };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and peak]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new PeakCommand();
        var root = new RootCommand("Measures the direct convolution beside the processor's peak and writes a results folder.") { verb._threads, verb._rounds, verb._seconds, verb._noAvx512, verb._results };
        root.SetAction((result, cancellation) => Task.FromResult(verb.Measure(result, arguments, cancellation)));
        return BenchHost.Run(root, arguments);
    }

    private int Measure(ParseResult result, string[] arguments, CancellationToken cancellation)
    {
        int rounds = result.GetValue(_rounds);
        double seconds = result.GetValue(_seconds);
        if (rounds is < 1 or > 1000 || seconds is not (>= 0 and <= 3600))
        {
            throw new UserInputException($"--rounds is from 1 to 1000 and --seconds from 0 to 3600; they were {rounds} and {seconds}.");
        }

        int[] threads = ThreadCounts.Parse(result.GetValue(_threads)!);
        bool noAvx512 = result.GetValue(_noAvx512);
        if (noAvx512 && Vector512.IsHardwareAccelerated)
        {
            return Environment.GetEnvironmentVariable(Avx512Switch) == "0" ? BenchHost.Fail("This .NET runtime did not switch AVX-512 off.", 1) : RunWithoutAvx512(arguments);
        }

        MachineDescription machine = MachineDescription.Describe((Device?)null);
        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName + (noAvx512 ? "-avx2" : ""), "peak");
        var options = new MeasuringOptions { WarmUp = TimeSpan.FromSeconds(seconds / 4), Duration = TimeSpan.FromSeconds(seconds), MinimumSamples = 3 };
        var report = new PeakReport($"./build.sh bench --peak {string.Join(' ', arguments)}".TrimEnd(), machine, rounds, []);
        foreach (int count in threads)
        {
            using Device device = Device.CreateCpu(count, ConvolutionAlgorithm.Direct);
            using var measurer = new Measurer(device, options);
            using var peak = new FmaPeak(count, FmaPeak.WidestLanes);
            foreach (BenchShape shape in ShapeList.BuiltIn().Select(Group, null))
            {
                report = report with { Rows = [.. report.Rows, Measure(device, measurer, peak, shape, count, rounds, cancellation)] };
                Console.Error.WriteLine(report.Line(report.Rows[^1]));
            }
        }

        report.Write(folder);
        Console.Out.WriteLine(folder);
        return 0;
    }

    private static PeakRow Measure(Device device, Measurer measurer, FmaPeak peak, BenchShape shape, int threads, int rounds, CancellationToken cancellation)
    {
        using BenchCase work = BenchCase.Create(device, shape, BenchPass.Forward);
        work.Check();
        var times = new List<double>();
        var peaks = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            peaks.Add(Statistics.Of(Enumerable.Range(0, 9).Select(_ => peak.Measure())).Median);
            times.Add(Statistics.Of(measurer.Sample(work, cancellation)).Median);
        }

        return new PeakRow(shape, threads, times, peaks);
    }

    // The runtime asks for its switches once, when it starts.
    private static int RunWithoutAvx512(string[] arguments)
    {
        (string program, string[] self) = PeerPrograms.Self();
        var start = new ProcessStartInfo(program, [.. self, "--peak", .. arguments]);
        start.Environment[Avx512Switch] = "0";
        // Its older name.
        start.Environment["DOTNET_EnableAVX512F"] = "0";
        using Process process = Process.Start(start)!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
