using System.Collections.Concurrent;

namespace DilatedKernels.Build.Kernels;

/// <summary>Compiles the kernels for the CPU, together with the runtime in kernels/host, to shared libraries that only the tests load.</summary>
internal static class HostKernels
{
    private const string Folder = "artifacts/kernels/host";
    private const string Runtime = "kernels/host";

    private const string Plain = "plain";

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(30);

    // Contraction would round where the definition does not.
    private static readonly string[] CommonOptions =
        ["-std=c++20", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-march=native", "-Wall", "-Wextra", "-Werror"];

    private static readonly string[] RuntimeOptions = ["-O3", "-ftls-model=initial-exec"];
    private static readonly string[] KernelOptions = ["-O3", "-Wno-unknown-pragmas", "-x", "c++", "-Ikernels"];

    // A symbol that nothing defines is an error here, and not when a test loads the library.
    private static readonly string[] LinkOptions = OperatingSystem.IsMacOS() ? [] : ["-Wl,-z,defs"];

    // What watches what is in kernels/README.md.
    private static Variant[] Variants(bool clang) =>
    [
        new(Plain, [], ["-fsanitize=alignment"], LinkOptions),
        new("checked", ["-DDK_HOST_CHECKED"],
        [
            "-fsanitize=thread,alignment,bounds,signed-integer-overflow,shift,integer-divide-by-zero",
            .. clang ? ["-mllvm", "-tsan-instrument-func-entry-exit=0"] : (string[])["--param=tsan-instrument-func-entry-exit=0"],
        ], LinkOptions),
        new("address", Address, Address, Address),
    ];

    private static readonly string[] Address = ["-fsanitize=address,undefined", "-fsanitize-recover=address,undefined"];

    /// <summary>Why these libraries cannot be made on this machine at all, or null.</summary>
    public static string? Unsupported => OperatingSystem.IsWindows() ? "its runtime is for Linux and macOS" : null;

    /// <summary>Makes what is not up to date.</summary>
    /// <returns>False when something does not compile; the errors are written.</returns>
    public static bool Compile(KernelSource[] kernels, string compiler)
    {
        string version = Command.Capture(compiler, ["--version"]).Output.Split('\n')[0];
        Variant[] variants = Variants(clang: version.Contains("clang", StringComparison.Ordinal));
        Unit[] units = Units(variants, kernels);
        Unit[] stale = [.. units.Where(unit => !IsCurrent(unit, version))];
        if (stale.Length > 0)
        {
            Console.WriteLine($"Compiling {stale.Length} of {units.Length} files for the CPU with {version}.");
        }

        var failed = new ConcurrentBag<Unit>();
        int done = 0;
        using var telling = new Timer(_ => Console.WriteLine($"  {Volatile.Read(ref done)} of {stale.Length}"), null, s_interval, s_interval);
        Parallel.ForEach(Partitioner.Create(stale, EnumerablePartitionerOptions.NoBuffering), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, unit =>
        {
            if (!CompileOne(unit, compiler, version))
            {
                failed.Add(unit);
            }

            Interlocked.Increment(ref done);
        });
        return failed.IsEmpty && variants.All(variant => Link(variant, [.. units.Where(u => u.Variant == variant.Name)], compiler, version));
    }

    /// <summary>Deletes the libraries if they were made from other files than there are now: without a compiler, tests run current kernels or none.</summary>
    public static void DeleteUnlessCurrent(KernelSource[] kernels)
    {
        Variant[] variants = Variants(clang: false);
        if (!Units(variants, kernels).All(unit => IsCurrent(unit, version: null)))
        {
            foreach (string library in variants.Select(variant => Library(variant.Name)).Where(File.Exists))
            {
                File.Delete(library);
            }
        }
    }

    private static Unit[] Units(Variant[] variants, KernelSource[] kernels)
    {
        string[] sources = [.. Directory.EnumerateFiles(Runtime, "*.cpp").Select(path => path.Replace('\\', '/')).Order(StringComparer.Ordinal), .. kernels.Select(k => k.Path)];
        return [.. variants.SelectMany(variant => sources.Select(source => new Unit(variant.Name, OptionsFor(variant, source), source)))];
    }

    private static string[] OptionsFor(Variant variant, string source) =>
        source.EndsWith(".cu", StringComparison.Ordinal) ? [.. KernelOptions, .. variant.Kernel] : [.. RuntimeOptions, .. variant.Runtime];

    private static string Library(string variant) =>
        $"{Folder}/libdilatedkernels_host{(variant == Plain ? "" : "_" + variant)}{(OperatingSystem.IsMacOS() ? ".dylib" : ".so")}";

    private static bool IsCurrent(Unit unit, string? version) =>
        File.Exists(unit.Object) && Stamp.Read(unit.Object + ".stamp") is Stamp stamp
            && (version is null || stamp.Tool == Tool(unit.Options, version)) && stamp.SourcesUnchanged();

    private static string Tool(string[] options, string version) => string.Join(' ', [version, .. CommonOptions, .. options]);

    private static bool CompileOne(Unit unit, string compiler, string version)
    {
        string dependencies = unit.Object + ".d";
        Directory.CreateDirectory(Path.GetDirectoryName(unit.Object)!);
        File.Delete(unit.Object + ".stamp");
        CommandOutput output = Command.Capture(compiler,
            [.. CommonOptions, .. unit.Options, "-MMD", "-MF", dependencies, "-c", unit.Source, "-o", unit.Object]);
        if (output.ExitCode != 0)
        {
            Console.Error.WriteLine($"{unit.Source} does not compile for the CPU ({unit.Variant}):\n{output.Output}{output.Error}");
            return false;
        }

        Stamp.Of(Tool(unit.Options, version), Stamp.ReadDependencies(dependencies)).Write(unit.Object + ".stamp");
        return true;
    }

    private static bool Link(Variant variant, Unit[] units, string compiler, string version)
    {
        string library = Library(variant.Name);
        Stamp stamp = Stamp.Of(Tool(variant.Link, version), units.Select(unit => unit.Object));
        if (File.Exists(library) && Stamp.Read(library + ".stamp") is Stamp last && last.Tool == stamp.Tool && last.Hash == stamp.Hash)
        {
            return true;
        }

        // A new file and not the old one overwritten: a test run may have that one loaded.
        CommandOutput output = Command.Capture(compiler, ["-shared", .. variant.Link, .. units.Select(unit => unit.Object), "-pthread", "-ldl", "-o", library + ".new"]);
        if (output.ExitCode != 0)
        {
            Console.Error.WriteLine($"{library} does not link:\n{output.Output}{output.Error}");
            return false;
        }

        File.Move(library + ".new", library, overwrite: true);
        stamp.Write(library + ".stamp");
        return true;
    }

    /// <summary>One of the libraries, and the options that make it so.</summary>
    private sealed record Variant(string Name, string[] Runtime, string[] Kernel, string[] Link);

    /// <summary>One source compiled one way.</summary>
    private sealed record Unit(string Variant, string[] Options, string Source)
    {
        public string Object => $"{Folder}/{Variant}/{Source.Replace('/', '.')}.o";
    }
}
