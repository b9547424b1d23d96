using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Compression;
using DilatedKernels.Build.Toolchain;

namespace DilatedKernels.Build.Kernels;

/// <summary>
/// Compiles each .cu file with nvcc to a fat binary of its own. One a file and not one for all: they compile side by side, a change costs
/// one of them, a driver loads those that are used, and nothing has to be linked. An index says which file holds a kernel. The kernels of a file are much alike,
/// which Brotli finds and nvcc's own compression does not: it leaves less than half as much.
/// </summary>
internal static class DeviceKernels
{
    public const string Folder = "artifacts/kernels";
    public const string ReportFile = Folder + "/ptxas.json";
    private const string Ending = ".fatbin.br";
    private const string IndexFile = Folder + "/index.txt";

    /// <summary>Makes what is not up to date.</summary>
    /// <returns>False when a file does not compile; its errors are written.</returns>
    public static bool Compile(KernelSource[] sources, Nvcc nvcc)
    {
        DeleteLeftovers(sources);
        KernelSource[] stale = [.. sources.Where(source => !IsCurrent(source, Tool(source, nvcc)))];
        if (stale.Length > 0)
        {
            string compiler = HostCompiler.ForNvcc(nvcc) ?? throw new BuildException($"nvcc {nvcc.Version} needs a C++ compiler that it knows, and there is none: {HostCompiler.Hint}.");
            Console.WriteLine($"Compiling {stale.Length} of {sources.Length} kernel files with nvcc {nvcc.Version} ({nvcc.Origin}).");
            var failed = new ConcurrentBag<string>();
            Parallel.ForEach(Partitioner.Create(stale, EnumerablePartitionerOptions.NoBuffering), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, source =>
            {
                var watch = Stopwatch.StartNew();
                string errors = CompileOne(source, nvcc, compiler);
                if (errors.Length > 0)
                {
                    Console.Error.WriteLine($"{source.Path} does not compile:\n{errors}");
                    failed.Add(source.Path);
                    return;
                }

                Console.WriteLine($"  {source.Path}  {watch.Elapsed.TotalSeconds:F1} s");
            });
            if (!failed.IsEmpty)
            {
                return false;
            }
        }

        WriteSummaries(sources);
        return true;
    }

    /// <summary>Deletes everything unless all of it was made from the files as they are now: a library carries all kernels or none, and never old ones.</summary>
    /// <returns>Whether the kernels are there.</returns>
    public static bool KeepIfCurrent(KernelSource[] sources)
    {
        if (File.Exists(ReportFile) && !DeleteLeftovers(sources) && sources.All(source => IsCurrent(source, tool: null)))
        {
            return true;
        }

        if (Directory.Exists(Folder))
        {
            DeleteLeftovers([]);
            File.Delete(ReportFile);
            File.Delete(IndexFile);
        }

        return false;
    }

    /// <summary>Whether this compiler would make nothing anew.</summary>
    public static bool AllCurrent(KernelSource[] sources, Nvcc nvcc) => sources.All(source => IsCurrent(source, Tool(source, nvcc)));

    private static string Output(KernelSource source, string ending) => $"{Folder}/{source.Name}{ending}";

    private static bool IsCurrent(KernelSource source, string? tool) =>
        File.Exists(Output(source, Ending)) && File.Exists(Output(source, ".json"))
            && Stamp.Read(Output(source, ".stamp")) is Stamp stamp && (tool is null || stamp.Tool == tool) && stamp.SourcesUnchanged();

    private static string Tool(KernelSource source, Nvcc nvcc) => string.Join(' ', Options(source, nvcc).Prepend($"nvcc {nvcc.Version}"));

    private static IEnumerable<string> Options(KernelSource source, Nvcc nvcc) =>
        ["-fatbin", "-std=c++20", "-O3", "-Ikernels", "-Xptxas", "-v", "-no-compress", "-Werror", "all-warnings", .. source.Targets(nvcc.Version)];

    private static string CompileOne(KernelSource source, Nvcc nvcc, string compiler)
    {
        string scratch = Output(source, ".fatbin");
        string dependencies = Output(source, ".d");
        Directory.CreateDirectory(Path.GetDirectoryName(scratch)!);
        File.Delete(Output(source, ".stamp"));
        CommandOutput output = Command.Capture(nvcc.Path,
            [.. Options(source, nvcc), .. HostCompiler.Option(compiler), "-MMD", "-MF", dependencies, source.Path, "-o", scratch]);
        if (output.ExitCode != 0)
        {
            return PtxasOutput.WithoutStatistics(output.Output + output.Error);
        }

        List<KernelReport> reports = PtxasOutput.Parse(output.Error, source.Path[(KernelSource.Folder.Length + 1)..]);
        KernelReport.Write(Output(source, ".json"), nvcc.ObjectDump is string dump ? AddMachineCode(reports, scratch, dump) : reports);
        Pack(scratch, Output(source, Ending));
        File.Delete(scratch);
        Stamp.Of(Tool(source, nvcc), Stamp.ReadDependencies(dependencies)).Write(Output(source, ".stamp"));
        return "";
    }

    private static void Pack(string file, string packed)
    {
        string scratch = packed + ".new";
        using (FileStream from = File.OpenRead(file))
        using (var brotli = new BrotliStream(File.Create(scratch), CompressionLevel.SmallestSize))
        {
            from.CopyTo(brotli);
        }

        File.Move(scratch, packed, overwrite: true);
    }

    private static IEnumerable<KernelReport> AddMachineCode(List<KernelReport> reports, string fatbin, string objectDump)
    {
        var opcodes = MachineCode.CountOpcodes(List("--dump-sass"));
        var bounds = MachineCode.ReadMaxThreads(List("--dump-elf"));
        return reports.Select(report => report with
        {
            Opcodes = opcodes.GetValueOrDefault((report.Name, report.Architecture), []),
            MaxThreads = bounds.GetValueOrDefault((report.Name, report.Architecture)),
        });

        string List(string what)
        {
            CommandOutput listing = Command.Capture(objectDump, [what, fatbin]);
            return listing.ExitCode == 0 ? listing.Output : throw new BuildException($"cuobjdump could not list {fatbin}:\n{listing.Error}");
        }
    }

    private static void WriteSummaries(KernelSource[] sources)
    {
        Directory.CreateDirectory(Folder);
        (KernelSource Source, KernelReport[] Reports)[] all = [.. sources.Select(source => (source, KernelReport.Read(Output(source, ".json"))))];
        var home = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((KernelSource source, KernelReport[] reports) in all)
        {
            foreach (string kernel in reports.Select(report => report.Name).Distinct())
            {
                if (!home.TryAdd(kernel, source.Name))
                {
                    throw new BuildException($"Two files define the kernel {kernel}: {home[kernel]}.cu and {source.Name}.cu. Kernels are found by name, so each needs its own.");
                }
            }
        }

        KernelReport.Write(ReportFile, all.SelectMany(pair => pair.Reports));
        WriteIfChanged(IndexFile, string.Concat(home.Select(pair => $"{pair.Key} {pair.Value}\n")));
    }

    // MSBuild embeds these files again when their time changes.
    private static void WriteIfChanged(string path, string text)
    {
        if (!File.Exists(path) || File.ReadAllText(path) != text)
        {
            File.WriteAllText(path, text);
        }
    }

    private static bool DeleteLeftovers(KernelSource[] keep)
    {
        if (!Directory.Exists(Folder))
        {
            return false;
        }

        HashSet<string> kept = [.. keep.Select(source => Path.GetFullPath(Output(source, Ending)))];
        string[] leftovers = [.. Directory.EnumerateFiles(Folder, "*" + Ending, SearchOption.AllDirectories).Select(Path.GetFullPath).Where(file => !kept.Contains(file))];
        foreach (string file in leftovers)
        {
            foreach (string ending in (string[])[Ending, ".json", ".d", ".stamp"])
            {
                File.Delete(file[..^Ending.Length] + ending);
            }
        }

        foreach (string unpacked in Directory.EnumerateFiles(Folder, "*.fatbin", SearchOption.AllDirectories))
        {
            // Of a compilation that was broken off, or of a library that embedded them as they are.
            File.Delete(unpacked);
        }

        return leftovers.Length > 0;
    }
}
