#:property PublishAot=false

// The build program behind build.sh and build.ps1: one place for what Linux, macOS and Windows do.
// Runs as `dotnet run build/Build.cs -- VERB [ARG ...]` from the root of the tree.

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Xml.Linq;

const int UsageError = 2;
const string Solution = "DilatedKernels.sln";
const string Artifacts = "artifacts";

(string Name, string Meaning, Func<string[], int> Run)[] verbs =
[
    ("build", "restores and compiles everything, Release (the default)", Build),
    ("test", "builds, runs the tests; arguments go to the test program, such as --filter \"FullyQualifiedName~Conv2d\"", Test),
    ("demo", "builds, runs `dilated demo`; arguments go to it", Demo),
    ("pack", "makes the NuGet packages, the `dilated` tool among them, in artifacts/package/release", Pack),
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

if (!File.Exists(Solution))
{
    Console.Error.WriteLine($"{Solution} is not in {Environment.CurrentDirectory}; run build.sh or build.ps1, which go to the root of the tree first.");
    return UsageError;
}

return verbs[index].Run(args.Length == 0 ? [] : args[1..]);

void WriteVerbs(TextWriter writer)
{
    writer.WriteLine("usage: ./build.sh [VERB [ARGUMENT ...]]    (on Windows: ./build.ps1)");
    foreach ((string name, string meaning, _) in verbs)
    {
        writer.WriteLine($"  {name,-6} {meaning}");
    }
}

// `dotnet msbuild` and not `dotnet build`, which adds a summary to the quietest output: a build that went well says nothing.
static int MSBuild(string target, string project, string[] extra) =>
    Run("dotnet", ["msbuild", project, "-restore", $"-target:{target}", "-property:Configuration=Release", "-nologo", "-verbosity:quiet", .. extra]);

static int Build(string[] extra) => MSBuild("Build", Solution, extra);

static int Demo(string[] extra)
{
    int code = MSBuild("Build", "src/DilatedKernels.Cli", []);
    return code != 0 ? code : Run("dotnet", [Output("DilatedKernels.Cli", "dilated.dll"), "demo", .. extra]);
}

static int Test(string[] extra)
{
    int code = Build([]);
    if (code != 0)
    {
        return code;
    }

    string folder = Path.Combine(Artifacts, "test-results");
    string report = Path.Combine(folder, "tests.trx");
    Directory.CreateDirectory(folder);
    File.Delete(report);
    code = Run("dotnet",
    [
        Output("DilatedKernels.Tests", "DilatedKernels.Tests.dll"),
        "--report-trx", "--report-trx-filename", Path.GetFileName(report), "--results-directory", folder,
        .. extra,
    ]);
    if (!File.Exists(report))
    {
        // A listing such as --help ends well without a report; a crash ends badly without one.
        if (code != 0)
        {
            Console.Error.WriteLine($"The test program ended with exit code {code} and wrote no report.");
        }

        return code;
    }

    (int passed, int failed, int skipped) = ReadTotals(report);
    Console.WriteLine($"{passed} passed, {failed} failed, {skipped} skipped");
    return code == 0 && failed > 0 ? 1 : code;
}

static (int Passed, int Failed, int Skipped) ReadTotals(string report)
{
    XNamespace trx = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
    string[] outcomes = [.. XDocument.Load(report).Descendants(trx + "UnitTestResult").Select(r => (string?)r.Attribute("outcome") ?? "")];
    int passed = outcomes.Count(o => o == "Passed");
    int skipped = outcomes.Count(o => o is "NotExecuted" or "Inconclusive");
    return (passed, outcomes.Length - passed - skipped, skipped);
}

static int Pack(string[] extra) => MSBuild("Pack", Solution, extra);

static int Clean(string[] extra)
{
    if (Directory.Exists(Artifacts))
    {
        Directory.Delete(Artifacts, recursive: true);
    }

    return 0;
}

static string Output(string project, string file) => Path.Combine(Artifacts, "bin", project, "release", file);

// Runs a program on this console. Ctrl-C reaches it from the terminal, so this one only has to wait; SIGTERM is handed on.
static int Run(string program, string[] arguments)
{
    var start = new ProcessStartInfo(program, arguments) { UseShellExecute = false };
    start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
    start.Environment["DOTNET_NOLOGO"] = "1";

    ConsoleCancelEventHandler wait = (_, e) => e.Cancel = true;
    Console.CancelKeyPress += wait;
    try
    {
        using Process process = Process.Start(start)!;
        using PosixSignalRegistration? terminate = OperatingSystem.IsWindows() ? null : PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            _ = Unix.Kill(process.Id, Unix.Terminate);
        });
        process.WaitForExit();
        return process.ExitCode;
    }
    finally
    {
        Console.CancelKeyPress -= wait;
    }
}

internal static class Unix
{
    public const int Terminate = 15;

    [DllImport("libc", EntryPoint = "kill")]
    public static extern int Kill(int process, int signal);
}
