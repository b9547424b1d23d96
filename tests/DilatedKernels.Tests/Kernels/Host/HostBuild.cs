using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>How a host library is compiled.</summary>
public enum HostVariant
{
    /// <summary>Guard bytes and NaNs tell of faults.</summary>
    Plain,

    /// <summary>Every access of a kernel is watched.</summary>
    Checked,

    /// <summary>Plain, with the portable fiber switch.</summary>
    PortableFibers,

    /// <summary>A program of its own under AddressSanitizer, which wants to be there before anything else of a process.</summary>
    AddressProgram,
}

/// <summary>
/// Compiles the host runtime with kernels of the tests' choice, as kernels/README.md says. Objects that ./build.sh made are used where they
/// are current; the others are kept under artifacts, by the hash of everything that goes into them.
/// </summary>
internal static class HostBuild
{
    private static readonly string[] Common =
        ["-std=c++20", "-g1", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", "-march=native", "-Wall", "-Wextra", "-Werror"];

    private static readonly string[] AddressSanitizer = ["-fsanitize=address,undefined", "-fsanitize-recover=address,undefined"];

    private static readonly Lazy<string?> Compiler = new(FindCompiler);
    private static readonly Lazy<string> Version = new(() => VersionOf(Compiler.Value!)!.Split('\n')[0]);
    private static readonly Lock Building = new();

    /// <summary>The tree's root; the calling test is skipped where the tests run without the sources.</summary>
    public static string SourceRoot
    {
        get
        {
            BuildPart.SkipUnless(SourceTree.Root is not null, BuildPart.Host, "the kernels' sources are not here");
            return SourceTree.Root!;
        }
    }

    /// <summary>The path of a library of the given sources, named from the root; the calling test is skipped where it cannot be built.</summary>
    public static string Build(HostVariant variant, params string[] kernels)
    {
        string root = SourceRoot;
        BuildPart.SkipUnless(!OperatingSystem.IsWindows(), BuildPart.Host, "the host runtime is for Linux and macOS");
        BuildPart.SkipUnless(Compiler.Value is not null, BuildPart.Host, "there is no C++ compiler: $CXX, g++ and clang++ were tried");
        lock (Building)
        {
            return Compile(root, variant, kernels);
        }
    }

    private static string Compile(string root, HostVariant variant, string[] kernels)
    {
        string[] runtime = variant switch
        {
            HostVariant.Checked => ["-DDK_HOST_CHECKED"],
            HostVariant.PortableFibers => ["-DDK_HOST_UCONTEXT"],
            HostVariant.AddressProgram => AddressSanitizer,
            _ => [],
        };
        string[] checks = variant switch
        {
            HostVariant.Checked => ["-fsanitize=thread,alignment,bounds,signed-integer-overflow,shift,integer-divide-by-zero", "--param=tsan-instrument-func-entry-exit=0"],
            HostVariant.AddressProgram => AddressSanitizer,
            _ => ["-fsanitize=alignment"],
        };

        string headers = HashOf(Directory.EnumerateFiles(Path.Combine(root, "kernels"), "*", SearchOption.AllDirectories)
            .Concat(kernels.SelectMany(kernel => Directory.EnumerateFiles(Path.GetDirectoryName(Path.Combine(root, kernel))!)))
            .Where(path => path.EndsWith(".h", StringComparison.Ordinal) || path.EndsWith(".cuh", StringComparison.Ordinal)));
        string folder = Path.Combine(root, "artifacts", "host-tests");
        Directory.CreateDirectory(folder);

        (string Source, string[] Options)[] units =
        [
            .. Directory.EnumerateFiles(Path.Combine(root, "kernels", "host"), "*.cpp").Order(StringComparer.Ordinal)
                .Select(path => ($"kernels/host/{Path.GetFileName(path)}", (string[])[.. Common, "-O2", "-ftls-model=initial-exec", .. runtime])),
            .. kernels.Select(kernel => (kernel, (string[])[.. Common, "-O3", "-Wno-unknown-pragmas", "-x", "c++", "-Ikernels", .. checks])),
        ];

        string[] objects = new string[units.Length];
        string?[] errors = new string?[units.Length];
        Parallel.For(0, units.Length, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            (string source, string[] options) = units[i];
            if (FromBuild(root, variant, source, options) is { } made)
            {
                objects[i] = made;
                return;
            }

            string key = Hash($"{Compiler.Value} {string.Join(' ', options)} {headers} {HashOf([Path.Combine(root, source)])}");
            objects[i] = Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(source)}-{key}.o");
            errors[i] = File.Exists(objects[i]) ? null : Make(root, objects[i], [.. options, "-c", source]);
        });
        Assert.That(errors.OfType<string>(), Is.Empty, "the host library does not compile");

        string library = Path.Combine(folder, $"{variant}-{HashOf(objects)}.so");
        string[] kind = variant == HostVariant.AddressProgram ? ["-fsanitize=address,undefined"] : ["-shared"];
        string? failure = File.Exists(library) ? null : Make(root, library, [.. kind, .. objects, "-pthread", "-ldl"]);
        Assert.That(failure, Is.Null, "the host library does not link");
        return library;
    }

    /// <summary>The object that ./build.sh made of a source with the same compiler and options, if it is up to date.</summary>
    private static string? FromBuild(string root, HostVariant variant, string source, string[] options)
    {
        string? name = variant switch
        {
            HostVariant.Plain => "plain",
            HostVariant.Checked => "checked",
            HostVariant.AddressProgram => "address",
            _ => null,
        };
        string made = Path.Combine(root, "artifacts", "kernels", "host", name ?? "", $"{source.Replace('/', '.')}.o");
        return name is not null && File.Exists(made) && Stamp.Read(made + ".stamp") is { } stamp
            && stamp.Tool == string.Join(' ', [Version.Value, .. options]) && stamp.SourcesUnchanged(root) ? made : null;
    }

    /// <summary>Runs the compiler into a file of another name first, so that what has the final name is whole. Returns its errors, or null.</summary>
    private static string? Make(string root, string output, string[] arguments)
    {
        string partial = $"{output}.{Environment.ProcessId}";
        using Process process = Process.Start(new ProcessStartInfo(Compiler.Value!, [.. arguments, "-o", partial]) { RedirectStandardError = true, WorkingDirectory = root })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            return errors;
        }

        File.Move(partial, output, overwrite: true);
        return null;
    }

    private static string? FindCompiler() =>
        new[] { Environment.GetEnvironmentVariable("CXX"), "g++", "clang++" }.FirstOrDefault(name => !string.IsNullOrEmpty(name) && VersionOf(name) is not null);

    private static string? VersionOf(string compiler)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(compiler, "--version") { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string version = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? version : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static string HashOf(IEnumerable<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file));
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexString(hash.GetHashAndReset())[..16];
    }

    private static string Hash(string text) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
}
