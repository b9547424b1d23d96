using System.CommandLine;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary><c>--memory</c>: what training steps take of the machine's memory, ours and PyTorch's.</summary>
internal sealed class MemoryCommand
{
    private const string Group = "cpu";

    private readonly Option<string> _threads = new("--threads") { Description = "Processor threads, the same for all sides; several separated by commas.", DefaultValueFactory = _ => "1", HelpName = "N[,N]" };
    private readonly Option<string?> _filter = new("--filter") { Description = "Only steps whose name matches.", HelpName = "REGEX" };
    private readonly Option<string?> _python = new("--python") { Description = "A Python with PyTorch. [default: the first of python3, /usr/bin/python3, python that has it]", HelpName = "PROGRAM" };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/, the machine's name, and memory]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new MemoryCommand();
        var root = new RootCommand("Measures the memory of the training steps of bench/shapes.json, ours and PyTorch's, and writes a results folder.") { verb._threads, verb._filter, verb._python, verb._results };
        root.SetAction((result, cancellation) => Task.FromResult(verb.Measure(result, arguments, cancellation)));
        return BenchHost.Run(root, arguments);
    }

    private int Measure(ParseResult result, string[] arguments, CancellationToken cancellation)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new UserInputException("--memory reads what Linux says of a process; there is no other way yet.");
        }

        BenchShape[] steps = [.. ShapeList.BuiltIn().Select(Group, result.GetValue(_filter)).Where(shape => shape.Passes.Contains(BenchPass.Step))];
        if (steps.Length == 0)
        {
            throw new UserInputException("None of these shapes is a training step.");
        }

        MachineDescription machine = MachineDescription.Describe((Device?)null);
        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName, "memory");
        var rows = new List<MemoryRow>();
        var report = new MemoryReport($"./build.sh bench --memory {string.Join(' ', arguments)}".TrimEnd(), machine, rows);
        foreach (int threads in ThreadCounts.Parse(result.GetValue(_threads)!))
        {
            IReadOnlyDictionary<string, string> variables = PeerPrograms.Variables(threads, noAvx512: false);
            foreach (BenchShape step in steps)
            {
                Add(step, threads, "", PeerPrograms.StartWorker("DilatedKernels", Worker.Library, "cpu", threads, variables));
                foreach (string layout in PeerPrograms.TorchLayouts)
                {
                    Add(step, threads, layout, PeerPrograms.StartTorch("cpu", threads, tf32: false, compile: false, result.GetValue(_python), variables));
                }
            }
        }

        report.Write(folder);
        Console.WriteLine($"Written to {folder}.");
        return 0;

        void Add(BenchShape step, int threads, string layout, PeerProcess peer)
        {
            using (peer)
            {
                cancellation.ThrowIfCancellationRequested();
                rows.Add(MemoryRow.Measure(peer, step.Name, threads, layout));
            }

            Console.WriteLine(report.Line(rows[^1]));
        }
    }
}
