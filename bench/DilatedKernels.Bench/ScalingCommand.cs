using System.CommandLine;
using System.Globalization;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary><c>--scaling</c>: training steps that several processes share, over numbers of processes and links between them, beside what a model says of them.</summary>
internal sealed class ScalingCommand
{
    private const string NoLink = "none";

    private readonly Option<string> _processes = new("--processes") { Description = "How many processes; several separated by commas.", DefaultValueFactory = _ => "2", HelpName = "N[,N]" };
    private readonly Option<string> _links = new("--links") { Description = $"Links between hosts made for it, Mbit/s and delay in ms; {NoLink} for processes of one machine. Linux, and takes the rights of root.", DefaultValueFactory = _ => NoLink, HelpName = "RATE/DELAY[,RATE/DELAY]" };
    private readonly Option<string[]> _mpirun = new("--mpirun") { Description = "Which mpirun, and options of it after blanks; may be given more than once.", DefaultValueFactory = _ => ["mpirun"], HelpName = "COMMAND" };
    private readonly Option<int> _rounds = new("--rounds") { Description = "How often each sum and step is measured; medians count.", DefaultValueFactory = _ => 9, HelpName = "N" };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and scaling]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new ScalingCommand();
        var root = new RootCommand("Measures training steps that processes share and writes a results folder, with what a model of them says.") { verb._processes, verb._links, verb._mpirun, verb._rounds, verb._results };
        root.SetAction(result => verb.Measure(result, arguments));
        return BenchHost.Run(root, arguments);
    }

    private int Measure(ParseResult result, string[] arguments)
    {
        int rounds = result.GetValue(_rounds);
        if (rounds is < 1 or > 1000)
        {
            throw new UserInputException($"--rounds is from 1 to 1000; it was {rounds}.");
        }

        int[] counts = ThreadCounts.Parse(result.GetValue(_processes)!, "--processes");
        Link?[] links = [.. result.GetValue(_links)!.Split(',').Select(ParseLink)];
        if (links.Any(link => link is not null) && LinkedHosts.WhyNot() is { } reason)
        {
            throw new UserInputException($"--links: {reason}.");
        }

        MachineDescription machine = MachineDescription.Describe((Device?)null);
        var report = new ScalingReport($"./build.sh bench --scaling {string.Join(' ', arguments.Select(a => a.Contains(' ', StringComparison.Ordinal) ? $"'{a}'" : a))}".TrimEnd(), machine, []);
        foreach (string[] mpirun in result.GetValue(_mpirun)!.Select(text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            foreach (Link? link in links)
            {
                foreach (int processes in counts)
                {
                    report = report with { Runs = [.. report.Runs, Run(mpirun, link, processes, rounds)] };
                    Console.Error.Write(ScalingReport.Lines(report.Runs[^1]));
                }
            }
        }

        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName, "scaling");
        report.Write(folder);
        Console.Out.Write(Forecast.Tables(report.Runs));
        Console.Out.WriteLine(folder);
        return 0;
    }

    private static ScalingRun Run(string[] mpirun, Link? link, int processes, int rounds)
    {
        (string program, string[] self) = PeerPrograms.Self();
        using LinkedHosts? hosts = link is { } given ? new LinkedHosts(processes, given) : null;
        string[] start = hosts?.Mpirun(mpirun, IsOpenMpi(mpirun), Environment.CurrentDirectory) ?? [.. mpirun, "-n", $"{processes}"];
        string output = ProgramOutput.Of([.. start, program, .. self, ScalingWorker.Verb, $"{rounds}"]);
        string[][] lines = [.. output.Split('\n').Select(line => line.Trim().Split('\t')).Where(fields => fields[0].EndsWith(ScalingWorker.Mark, StringComparison.Ordinal)).Select(fields => fields[1..])];
        return ScalingRun.Read(lines, link, processes);
    }

    // Open MPI's says so under some of its names only; that of MPICH is always Hydra.
    private static bool IsOpenMpi(string[] mpirun) => !ProgramOutput.Of(mpirun[0], "--version").Contains("HYDRA", StringComparison.Ordinal);

    private static Link? ParseLink(string text)
    {
        string[] parts = text.Split('/');
        return text == NoLink ? null
            : parts.Length == 2 && IsNumber(parts[0], out double rate) && rate > 0 && IsNumber(parts[1], out double delay) ? new Link(rate, TimeSpan.FromMilliseconds(delay))
            : throw new UserInputException($"--links takes Mbit/s and ms such as 100/5, or {NoLink}, separated by commas; it was '{text}'.");
    }

    private static bool IsNumber(string text, out double number) => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
}
