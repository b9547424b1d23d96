using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DilatedKernels.Distributed;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary><c>--exchange</c>: what a sum over processes takes, over its length, on this machine.</summary>
internal sealed class ExchangeCommand
{
    public const string WorkerVerb = "--exchange-worker";

    // A process of the job writes one such line for each length; other programs may write between.
    private const string Mark = "exchange";

    private static readonly int[] Lengths = [1, 1_000, 10_000, 100_000, 1_000_000, 4_000_000, 16_000_000];
    private static readonly TimeSpan RoundTime = TimeSpan.FromMilliseconds(100);

    private readonly Option<string> _processes = new("--processes") { Description = "How many processes; several separated by commas.", DefaultValueFactory = _ => "2", HelpName = "N[,N]" };
    private readonly Option<string[]> _mpirun = new("--mpirun") { Description = "Which mpirun, and options of it after blanks; may be given more than once.", DefaultValueFactory = _ => ["mpirun"], HelpName = "COMMAND" };
    private readonly Option<int> _rounds = new("--rounds") { Description = "How often each length is measured; medians count.", DefaultValueFactory = _ => 9, HelpName = "N" };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and exchange]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new ExchangeCommand();
        var root = new RootCommand("Measures sums over processes that mpirun starts and writes a results folder.") { verb._processes, verb._mpirun, verb._rounds, verb._results };
        root.SetAction(result => verb.Measure(result, arguments));
        return BenchHost.Run(root, arguments);
    }

    /// <summary>One process of a job.</summary>
    public static int RunWorker(string[] arguments)
    {
        int rounds = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        using MpiGroup group = MpiGroup.Join();
        foreach (int length in Lengths)
        {
            float[] node = new float[length];
            float[] result = new float[length];
            long count = Math.Max(1, (long)(RoundTime / Exchange(group, node, result, 3)));

            // All do as many as the slowest has time for.
            count = BitConverter.ToInt64(group.AllGather(BitConverter.GetBytes(count)).MinBy(bytes => BitConverter.ToInt64(bytes))!);
            double[] times = [.. Enumerable.Range(0, rounds).Select(_ => Exchange(group, node, result, count).TotalMilliseconds)];
            if (group.Rank == 0)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Mark}\t{group.Library}\t{length}\t{string.Join('\t', times.Select(time => time.ToString("R", CultureInfo.InvariantCulture)))}"));
            }
        }

        return 0;
    }

    private static TimeSpan Exchange(MpiGroup group, float[] node, float[] result, long count)
    {
        group.Barrier();
        long begun = Stopwatch.GetTimestamp();
        for (long i = 0; i < count; i++)
        {
            group.BeginSum([node], group.Size, result).Wait();
        }

        return Stopwatch.GetElapsedTime(begun) / count;
    }

    private int Measure(ParseResult result, string[] arguments)
    {
        int rounds = result.GetValue(_rounds);
        if (rounds is < 1 or > 1000)
        {
            throw new UserInputException($"--rounds is from 1 to 1000; it was {rounds}.");
        }

        int[] counts = ThreadCounts.Parse(result.GetValue(_processes)!, "--processes");
        MachineDescription machine = MachineDescription.Describe((Device?)null);
        var report = new ExchangeReport($"./build.sh bench --exchange {string.Join(' ', arguments.Select(a => a.Contains(' ', StringComparison.Ordinal) ? $"'{a}'" : a))}".TrimEnd(), machine, []);
        (string program, string[] self) = PeerPrograms.Self();
        foreach (string mpirun in result.GetValue(_mpirun)!)
        {
            foreach (int processes in counts)
            {
                string[] command = [.. mpirun.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-n", $"{processes}", program, .. self, WorkerVerb, $"{rounds}"];
                foreach (string[] fields in ProgramOutput.Of(command).Split('\n').Select(line => line.Trim().Split('\t')).Where(fields => fields[0].EndsWith(Mark, StringComparison.Ordinal)))
                {
                    double[] times = [.. fields[3..].Select(field => double.Parse(field, CultureInfo.InvariantCulture))];
                    report = report with { Rows = [.. report.Rows, new ExchangeRow(fields[1], processes, int.Parse(fields[2], CultureInfo.InvariantCulture), times)] };
                    Console.Error.WriteLine(ExchangeReport.Line(report.Rows[^1]));
                }
            }
        }

        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName, "exchange");
        report.Write(folder);
        Console.Out.WriteLine(folder);
        return 0;
    }
}
