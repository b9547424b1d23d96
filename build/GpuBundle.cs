using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Build;

/// <summary>
/// The verb `gpu-bundle`: one archive with tests, command, benchmark and runtime for a GPU machine that has a driver and nothing else.
/// All programs share one folder, so that the runtime is there once.
/// </summary>
internal static class GpuBundle
{
    private const string Name = "dilatedkernels-gpu";
    private const string Folder = "artifacts/gpu-bundle";
    private const string Root = $"{Folder}/{Name}";
    private const string Programs = $"{Root}/bin";
    private const string RuntimeId = "linux-x64";
    private const long MostBytes = 45L << 20;

    private static readonly string[] Projects = ["tests/DilatedKernels.Tests", "src/DilatedKernels.Cli", "bench/DilatedKernels.Bench"];

    // Symbols and documentation, and what BenchmarkDotNet's tracing brings for Windows.
    private static readonly string[] NotNeeded = ["*.pdb", "*.xml", "createdump", "KernelTraceControl*.dll", "msdia140.dll"];

    /// <summary>Publishes, adds what is not a program, and packs.</summary>
    /// <exception cref="BuildException">There is no tar, or the archive is too large.</exception>
    public static int Run(string[] arguments)
    {
        if (arguments.Length > 0)
        {
            Console.Error.WriteLine($"'gpu-bundle' takes no arguments, not '{string.Join(' ', arguments)}'.");
            return 2;
        }

        if (Command.Find("tar") is null)
        {
            throw new BuildException("The bundle is packed with tar, and there is no such program.");
        }

        string ending = Command.Find("xz") is not null ? "tar.xz" : Command.Find("gzip") is not null
            ? "tar.gz" : throw new BuildException("The bundle is compressed with xz or gzip, and there is neither (Debian: apt-get install xz-utils).");
        if (!KernelVerb.CompileForGpu())
        {
            return 1;
        }

        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        foreach (string project in Projects)
        {
            int code = Command.Run("dotnet",
            [
                "msbuild", project, "-restore", "-target:Publish", "-property:Configuration=Release", $"-property:RuntimeIdentifier={RuntimeId}", "-property:SelfContained=true",
                "-property:ForGpuBundle=true", $"-property:PublishDir={Path.GetFullPath(Programs)}/", "-nologo", "-verbosity:quiet",
            ]);
            if (code != 0)
            {
                return code;
            }
        }

        foreach (string file in NotNeeded.SelectMany(pattern => Directory.EnumerateFiles(Programs, pattern, SearchOption.AllDirectories)))
        {
            File.Delete(file);
        }

        File.Copy("build/gpu-bundle/run-gpu-checks", $"{Root}/run-gpu-checks");
        File.Copy("build/gpu-bundle/README.md", $"{Root}/README.md");
        File.WriteAllText($"{Programs}/commit.txt", Commit() + "\n");
        return Pack($"{Folder}/{Name}.{ending}");
    }

    private static int Pack(string archive)
    {
        // Names in order and no user of this machine, so that the same tree gives the same archive but for times.
        CommandOutput output = Command.Capture("tar", ["--auto-compress", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-cf", archive, "-C", Folder, Name]);
        if (output.ExitCode != 0)
        {
            Console.Error.WriteLine($"tar cannot make {archive}: {output.Error}");
            return 1;
        }

        long bytes = new FileInfo(archive).Length;
        Console.WriteLine($"{archive}: {bytes / 1e6:0.0} MB. On a machine with an NVIDIA driver: tar -xf {Path.GetFileName(archive)} && {Name}/run-gpu-checks");
        return bytes <= MostBytes
            ? 0
            : throw new BuildException($"The bundle is larger than {MostBytes >> 20} MB; {(archive.EndsWith(".gz", StringComparison.Ordinal) ? "install xz, which packs it smaller" : "something has grown")}.");
    }

    private static string Commit()
    {
        if (Command.Find("git") is null || Command.Capture("git", ["rev-parse", "--short=12", "HEAD"]) is not { ExitCode: 0 } head)
        {
            return "unknown";
        }

        bool changed = Command.Capture("git", ["status", "--porcelain", "--untracked-files=no"]).Output.Trim().Length > 0;
        return head.Output.Trim() + (changed ? "+changes" : "");
    }
}
