// The build program behind build.sh and build.ps1: one place for what Linux, macOS and Windows do.
// Runs as `dotnet build/bin/Build.dll VERB [ARG ...]` from the root of the tree; the two scripts compile it first where it changed.

using DilatedKernels.Build;
using DilatedKernels.Build.Kernels;
using DilatedKernels.Build.Toolchain;

const int UsageError = 2;
const string Solution = "DilatedKernels.sln";
const string Artifacts = "artifacts";

(string Name, string Meaning, Func<string[], int> Run)[] verbs =
[
    ("build", "restores and compiles everything, Release (the default)", BuildAndSayWhatIsNext),
    ("test", "builds, runs the tests; arguments go to the test program, such as --filter \"FullyQualifiedName~Conv2d\"", Test),
    ("sanitize", "builds, runs the tests on the kernels compiled for the processor with every check there is, in 5 orders of threads or as many as named", args => Sanitize.Run(args, () => Build([]), RunTests)),
    ("bench", "builds, runs the benchmarks: BenchmarkDotNet's arguments, or --compare for ours against the peers; --compare --help says more", Bench),
    ("mutate", "builds, changes the library in one place at a time and sees whether the tests notice: hours; --fresh forgets earlier runs", Mutate),
    ("demo", "builds, runs `dilated demo`; arguments go to it", Demo),
    ("kernels", "compiles the GPU kernels; fetches nvcc on Debian if there is none (1 GB, once); --table writes registers and occupancy", KernelVerb.Run),
    ("pack", "makes the NuGet packages, the `dilated` tool among them, in artifacts/package/release, with the GPU kernels; with --no-kernels no nvcc is fetched, and where there is none they carry the kernels that are compiled already, or none", args => Packages.Run(args, MSBuild)),
    ("aot", "the `dilated` command as one native executable for this system, in artifacts/aot; --instruction-set x86-64-v4 for processors with AVX-512 only", args => NativeExecutable.Run(args, MSBuild)),
    ("api", "writes the public API of the libraries into PublicAPI.Unshipped.txt after a change of it, which the build refuses until it is there", PublicApi.Run),
    ("gpu-bundle", "one archive with tests, command, benchmark and kernels that runs on a GPU machine with a driver and no SDK", GpuBundle.Run),
    ("clean", "deletes everything that was built", Clean),
];

string verb = args.Length == 0 ? "build" : args[0];
if (verb is "--help" or "-h" or "help")
{
    WriteVerbs(Console.Out);
    return 0;
}

int index = Array.FindIndex(verbs, v => v.Name == verb);
if (index < 0)
{
    Console.Error.WriteLine($"There is no verb '{verb}'.");
    WriteVerbs(Console.Error);
    return UsageError;
}

// What these two start has a help of its own.
if (args is [not ("bench" or "demo"), "--help" or "-h", ..])
{
    Console.WriteLine($"{verb}: {verbs[index].Meaning}");
    return 0;
}

if (!File.Exists(Solution))
{
    Console.Error.WriteLine($"{Solution} is not in {Environment.CurrentDirectory}; run build.sh or build.ps1, which go to the root of the tree first.");
    return UsageError;
}

try
{
    return verbs[index].Run(args.Length == 0 ? [] : args[1..]);
}
catch (BuildException error)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}
catch (Exception error) when (error is TerminatedException or AggregateException { InnerException: TerminatedException })
{
    Console.Error.WriteLine(new TerminatedException().Message);
    return 143;
}

void WriteVerbs(TextWriter writer)
{
    writer.WriteLine("usage: ./build.sh [VERB [ARGUMENT ...]]    (on Windows: ./build.ps1)");
    foreach ((string name, string meaning, _) in verbs)
    {
        writer.WriteLine($"  {name,-10} {meaning}");
    }
}

// `dotnet msbuild` and not `dotnet build`, which adds a summary to the quietest output: a build that went well says only what is next.
static int MSBuild(string target, string project, string[] extra) =>
    Command.Run("dotnet", ["msbuild", project, "-restore", $"-target:{target}", "-property:Configuration=Release", "-nologo", "-verbosity:quiet", .. extra]);

static int Build(string[] extra) =>
    KernelVerb.CompileWithWhatIsThere(forCpu: true) ? MSBuild("Build", Solution, [.. ManagedCudaPackages.Arguments(extra), .. extra]) : 1;

static int BuildAndSayWhatIsNext(string[] extra)
{
    int code = Build(extra);
    if (code == 0)
    {
        Console.WriteLine(FirstSteps.Text);
    }

    return code;
}

static int Demo(string[] extra)
{
    int code = KernelVerb.CompileWithWhatIsThere(forCpu: false) ? MSBuild("Build", "src/DilatedKernels.Cli", ManagedCudaPackages.Arguments([])) : 1;
    return code != 0 ? code : Command.Run("dotnet", [Output("DilatedKernels.Cli", "dilated.dll"), "demo", .. extra]);
}

static int Bench(string[] extra)
{
    int code = KernelVerb.CompileWithWhatIsThere(forCpu: false) ? MSBuild("Build", "bench/DilatedKernels.Bench", []) : 1;
    if (extra is ["--start", ..])
    {
        // It starts the program, and others that predict with peers.
        code = code == 0 ? MSBuild("Build", "src/DilatedKernels.Cli", ManagedCudaPackages.Arguments([])) : code;
        code = code == 0 ? MSBuild("Build", "bench/peers/onnx-start", []) : code;
        code = code == 0 && extra.Contains("--torchsharp") ? MSBuild("Build", "bench/peers/torchsharp-start", []) : code;
    }

    if (extra is ["--compare", ..] && extra.Contains("--torchsharp"))
    {
        code = code == 0 ? MSBuild("Build", "bench/peers/torchsharp", []) : code;
    }

    return code != 0 ? code : Command.Run("dotnet", [Output("DilatedKernels.Bench", "DilatedKernels.Bench.dll"), .. extra]);
}

static int Test(string[] extra)
{
    int code = Build([]);
    return code != 0 ? code : RunTests(extra);
}

static int RunTests(string[] extra) => new TestProgram(Output("DilatedKernels.Tests", "DilatedKernels.Tests.dll"), Path.Combine(Artifacts, "test-results")).Run(extra);

static int Mutate(string[] extra)
{
    int code = Build([]);
    code = code != 0 ? code : MSBuild("Build", "tests/DilatedKernels.Mutation", []);
    return code != 0 ? code : Command.Run("dotnet", [Output("DilatedKernels.Mutation", "DilatedKernels.Mutation.dll"), .. extra]);
}

static int Clean(string[] extra)
{
    if (extra.Length > 0)
    {
        Console.Error.WriteLine($"'clean' takes no arguments, not '{string.Join(' ', extra)}'.");
        return 2;
    }

    if (Directory.Exists(Artifacts))
    {
        Directory.Delete(Artifacts, recursive: true);
    }

    return 0;
}

static string Output(string project, string file) => Path.Combine(Artifacts, "bin", project, "release", file);
