using System.CommandLine;
using System.Globalization;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary><c>--compare</c>: ours and the peers in turns, joined into a results folder.</summary>
internal sealed class CompareCommand
{
    private readonly Option<string> _device = new("--device") { Description = "cpu or cuda.", DefaultValueFactory = _ => "cpu", HelpName = "cpu|cuda" };
    private readonly Option<string?> _group = new("--group") { Description = "A group of bench/shapes.json. [default: the device's name, cpu or gpu]", HelpName = "GROUP" };
    private readonly Option<string?> _filter = new("--filter") { Description = "Only shapes whose name matches.", HelpName = "REGEX" };
    private readonly Option<string?> _pass = new("--pass") { Description = "Only this pass.", HelpName = "PASS" };
    private readonly Option<string> _type = new("--type") { Description = "Element types, separated by commas, of those that a shape has.", DefaultValueFactory = _ => BenchType.Float32, HelpName = "TYPES" };
    private readonly Option<string> _threads = new("--threads") { Description = "Processor threads, the same for all sides; several separated by commas.", DefaultValueFactory = _ => "1", HelpName = "N[,N]" };
    private readonly Option<int> _rounds = new("--rounds") { Description = "How often all sides take turns.", DefaultValueFactory = _ => 5, HelpName = "N" };
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time for one side in one round.", DefaultValueFactory = _ => 0.3, HelpName = "S" };
    private readonly Option<double> _rowSeconds = new("--row-seconds") { Description = "Takes more rounds, up to ten times as many, until a shape's pass has taken so long: short ones are noisy.", HelpName = "S" };
    private readonly Option<int> _repeats = new("--repeat-disturbed") { Description = "How often a side's turn is taken again while something else slows the cores down before or after it.", HelpName = "N" };
    private readonly Option<bool> _noAvx512 = new("--no-avx512") { Description = "Switch AVX-512 off for all sides; ONNX Runtime, which has no such switch, is left out." };
    private readonly Option<string> _float32 = new("--float32")
    {
        Description = "How ours multiplies float32 on a GPU: multiply-adds, tensor cores on its parts, as exact, or with TF32, as PyTorch then too (Float32Precision).",
        DefaultValueFactory = _ => "strict",
        HelpName = "strict|split|tf32",
    };

    private readonly Option<bool> _compile = new("--torch-compile") { Description = "PyTorch with torch.compile as well." };
    private readonly TorchSharpOptions _torchSharp = new();
    private readonly Option<string?> _python = new("--python") { Description = "A Python with PyTorch. [default: the first of python3, /usr/bin/python3, python that has it]", HelpName = "PROGRAM" };
    private readonly Option<string?> _results = new("--results") { Description = "The results folder. [default: bench/results/ and the machine's name]", HelpName = "FOLDER" };

    public static int Run(string[] arguments)
    {
        var verb = new CompareCommand();
        var root = new RootCommand("Measures the library and its peers over bench/shapes.json, in turns, and writes a results folder.")
        {
            verb._device, verb._group, verb._filter, verb._pass, verb._type, verb._threads, verb._rounds, verb._seconds, verb._rowSeconds, verb._repeats, verb._noAvx512, verb._float32, verb._compile, verb._python, verb._results,
        };
        verb._torchSharp.AddTo(root);
        root.SetAction((result, cancellation) => Task.FromResult(verb.Compare(result, arguments, cancellation)));
        return BenchHost.Run(root, arguments);
    }

    private int Compare(ParseResult result, string[] arguments, CancellationToken cancellation)
    {
        string device = result.GetValue(_device)!;
        if (device is not ("cpu" or "cuda"))
        {
            throw new UserInputException($"--device is cpu or cuda; it was {device}.");
        }

        int rounds = result.GetValue(_rounds);
        double seconds = result.GetValue(_seconds);
        double rowSeconds = result.GetValue(_rowSeconds);
        if (rounds is < 1 or > 1000 || seconds is not (>= 0 and <= 3600) || rowSeconds is not (>= 0 and <= 3600))
        {
            throw new UserInputException($"--rounds is from 1 to 1000, --seconds and --row-seconds from 0 to 3600; they were {rounds}, {seconds} and {rowSeconds}.");
        }

        int repeats = result.GetValue(_repeats);
        if (repeats is < 0 or > 1000)
        {
            throw new UserInputException($"--repeat-disturbed is from 0 to 1000; it was {repeats}.");
        }

        int[] threads = ThreadCounts.Parse(result.GetValue(_threads)!);
        string[] types = result.GetValue(_type)!.Split(',');
        if (types.Except(BenchType.All).FirstOrDefault() is { } unknown)
        {
            throw new UserInputException($"--type takes {string.Join(" and ", BenchType.All)}; it was '{unknown}'.");
        }

        string? group = result.GetValue(_group) ?? (result.GetValue(_filter) is null ? (device == "cuda" ? "gpu" : "cpu") : null);
        string? onlyPass = result.GetValue(_pass);
        (BenchShape Shape, string Pass, string Type)[] work =
        [
            .. ShapeList.BuiltIn().Select(group, result.GetValue(_filter))
                .SelectMany(shape => shape.Passes.Where(pass => onlyPass is null || pass == onlyPass), (shape, pass) => (shape, pass))
                .SelectMany(w => w.shape.ElementTypes.Where(types.Contains), (w, type) => (w.shape, w.pass, type)),
        ];
        if (work.Length == 0)
        {
            throw new UserInputException("None of these shapes has such a pass and type.");
        }

        MachineDescription machine = MachineDescription.Describe(device == "cuda" ? MachineDescription.FirstGpu() : null);
        bool noAvx512 = result.GetValue(_noAvx512);
        string float32 = result.GetValue(_float32)!;
        if (float32 is not ("strict" or "split" or "tf32") || (float32 != "strict" && device != "cuda"))
        {
            throw new UserInputException($"--float32 is strict, or with --device cuda split or tf32; it was {float32}.");
        }

        Float32Precision precision = Enum.Parse<Float32Precision>(float32, ignoreCase: true);

        string folder = result.GetValue(_results) ?? Path.Combine("bench", "results", machine.FolderName + (noAvx512 ? "-avx2" : "") + (precision == Float32Precision.Strict ? "" : "-" + float32));
        List<string> notes = precision switch
        {
            Float32Precision.Split => ["Ours multiplied float32 on tensor cores in parts (Float32Precision.Split); PyTorch's TF32 was off."],
            Float32Precision.Tf32 => ["Ours multiplied float32 with TF32 (Float32Precision.Tf32), and was checked to a relative error of 1e-3; PyTorch's TF32 was on."],
            _ => [],
        };
        string[]? torchSharp = _torchSharp.Command(result, "TorchSharpPeer");
        if (torchSharp is not null && device != "cpu")
        {
            throw new UserInputException("--torchsharp is for --device cpu: its PyTorch computes on no GPU.");
        }

        if (rowSeconds > 0)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"Of passes that took less than {rowSeconds} s there were more rounds, up to {rounds * Comparison.MostRoundsMore}."));
        }

        var greetings = new List<PeerGreeting>();
        var comparisons = new List<Comparison>();
        bool complete = false;
        try
        {
            int done = 0;
            foreach (int count in threads)
            {
                IPeer[] peers = Start(device, count, noAvx512, precision, result.GetValue(_compile), result.GetValue(_python), torchSharp, notes);
                QuietTurns? turns = repeats > 0 ? QuietTurns.OnCores(count, repeats) : null;
                if (turns is not null)
                {
                    peers = [.. peers.Select(peer => new QuietPeer(peer, turns))];
                }

                try
                {
                    greetings.AddRange(peers.Select(peer => peer.Greeting));
                    foreach ((BenchShape shape, string pass, string type) in work)
                    {
                        Console.Error.WriteLine($"{shape.Name}, {pass}, {type}, {count} thread{(count == 1 ? "" : "s")}: {++done}/{work.Length * threads.Length}");
                        comparisons.Add(Comparison.Run(shape, pass, type, peers, rounds, seconds, rowSeconds, cancellation));
                    }
                }
                finally
                {
                    foreach (IPeer peer in peers)
                    {
                        peer.Dispose();
                    }

                    if (turns is not null)
                    {
                        notes.Add(
                            $"With {count} thread{(count == 1 ? "" : "s")} a turn was taken again, up to {repeats} times, while the cores added up integers more than 15 % slower before or after it than they can: "
                            + $"{turns.Disturbed} of {turns.Taken} turns count although they were disturbed to the last.");
                    }
                }
            }

            complete = true;
        }
        catch (Exception e) when (e is OperationCanceledException or PeerException && comparisons.Count > 0)
        {
            // What was measured is written below. A Ctrl-C reaches the peers as well, so that one of them may end first.
            notes.Add(cancellation.IsCancellationRequested ? "Interrupted." : $"Ended early: {e.Message}");
            Console.Error.WriteLine(notes[^1]);
        }

        // Where the results lie is not part of how they came about.
        string command = $"./build.sh bench --compare {string.Join(' ', arguments.Where((argument, i) => argument != "--results" && (i == 0 || arguments[i - 1] != "--results")))}".TrimEnd();
        var results = new ComparisonResults(command, machine, greetings, rounds, seconds, complete, [.. notes.Distinct()], comparisons);
        results.Write(folder);
        results.WriteTable(Console.Out);
        foreach (string line in results.Missing.Where(line => line.Contains(" failed: ", StringComparison.Ordinal)))
        {
            Console.Error.WriteLine(line);
        }

        Console.WriteLine($"Written to {folder}.");
        return cancellation.IsCancellationRequested ? EndSignals.ExitCode : complete && !results.HasErrors ? 0 : 1;
    }

    // The library first. A peer that cannot be had is noted; without any there is nothing to compare.
    private static IPeer[] Start(string device, int threads, bool noAvx512, Float32Precision precision, bool compile, string? python, string[]? torchSharp, List<string> notes)
    {
        IReadOnlyDictionary<string, string> environment = PeerPrograms.Variables(threads, noAvx512);
        if (noAvx512)
        {
            notes.Add("AVX-512 was switched off for all sides; ONNX Runtime has no such switch and was left out.");
        }

        var peers = new List<IPeer> { PeerPrograms.StartWorker("DilatedKernels", Worker.Library, device, threads, environment, precision) };
        try
        {
            if (noAvx512 && peers[0].Greeting.Details!["vector_bits"] == "512")
            {
                throw new PeerException("This .NET runtime did not switch AVX-512 off, so nothing would be comparable.");
            }

            TryAdd(() => PeerPrograms.StartTorch(device, threads, precision == Float32Precision.Tf32, compile, python, environment));
            if (torchSharp is not null)
            {
                TryAdd(() => PeerPrograms.StartTorchSharp(torchSharp, threads, environment));
            }

#if ONNXRUNTIME
            if (device == "cpu" && !noAvx512)
            {
                TryAdd(() => PeerPrograms.StartWorker("ONNX Runtime", Worker.OnnxRuntime, device, threads, environment));
            }
#endif

            return peers.Count > 1 ? [.. peers] : throw new PeerException($"There is nothing to compare with. {string.Join(" ", notes)}");
        }
        catch
        {
            peers.ForEach(peer => peer.Dispose());
            throw;
        }

        void TryAdd(Func<IPeer> start)
        {
            try
            {
                peers.Add(start());
            }
            catch (PeerException e)
            {
                notes.Add(e.Message);
                Console.Error.WriteLine(e.Message);
            }
        }
    }
}
