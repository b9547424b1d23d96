using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json;
using DilatedKernels.Cuda;

namespace DilatedKernels.Measuring;

/// <summary>Where and from what a measurement came, asked of the machine and never typed.</summary>
/// <param name="Processor">Its name.</param>
/// <param name="Cores">Logical processors that this process may use.</param>
/// <param name="VectorBits">The widest vectors that the runtime uses.</param>
/// <param name="Gpu">The GPU and its driver, or null.</param>
/// <param name="Runtime">.NET's version.</param>
/// <param name="OperatingSystem">Its name and version.</param>
/// <param name="Commit">The commit of the tree, <c>+changes</c> where files differ from it, or <c>unknown</c>.</param>
/// <param name="Date">Of the measurement, UTC.</param>
public sealed record MachineDescription(
    string Processor, int Cores, int VectorBits, string? Gpu, string Runtime, string OperatingSystem, string Commit, string Date)
{
    /// <summary>What its results folder is called: the GPU's name, or the processor's and its cores.</summary>
    public string FolderName => Slug(Gpu is null ? $"{Processor} {Cores}core" : GpuName(Gpu));

    /// <summary>Writes what every report says of the machine and the tree.</summary>
    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("processor", Processor);
        json.WriteNumber("cores", Cores);
        json.WriteNumber("vector_bits", VectorBits);
        json.WriteString("runtime", Runtime);
        json.WriteString("operating_system", OperatingSystem);
        json.WriteString("commit", Commit);
        json.WriteString("date", Date);
    }

    /// <summary>Describes this machine, and a device of it.</summary>
    public static MachineDescription Describe(Device? device)
    {
        string? gpu = device?.Backend is Backends.Cuda.CudaBackend cuda ? $"{cuda.Context.Device}; {cuda.Context.Driver.Description}" : null;
        return Describe(gpu);
    }

    internal static MachineDescription Describe(string? gpu) => new(
        ProcessorName(),
        Environment.ProcessorCount,
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128,
        gpu,
        RuntimeInformation.FrameworkDescription,
        RuntimeInformation.OSDescription,
        CommitName(),
        DateTime.UtcNow.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>The first GPU, for a process that does not open it; null where there is none.</summary>
    internal static string? FirstGpu()
    {
        CudaDevices cuda = CudaDevices.List();
        return cuda.Devices.Count > 0 ? $"{cuda.Devices[0]}; {cuda.Driver}" : null;
    }

    /// <summary>Lower-case letters and digits with single hyphens between.</summary>
    internal static string Slug(string name) =>
        string.Join('-', new string([.. name.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : ' ')]).Split(' ', StringSplitOptions.RemoveEmptyEntries));

    // A device writes itself as "cuda:0 NAME, sm_90, ...".
    private static string GpuName(string gpu) => gpu.Split(',')[0].Split(' ', 2)[^1];

    private static string ProcessorName()
    {
        const string Info = "/proc/cpuinfo";
        return (File.Exists(Info) ? ProcessorName(File.ReadLines(Info)) : null)
            ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>The first processor of Linux's list, or null. A virtual machine may show no more of a name than a brand: then its family and model tell which one it is.</summary>
    internal static string? ProcessorName(IEnumerable<string> info)
    {
        ILookup<string, string> values = info.TakeWhile(line => line.Length > 0).Select(line => line.Split(':', 2)).Where(pair => pair.Length == 2)
            .ToLookup(pair => pair[0].Trim(), pair => pair[1].Trim());
        string? name = values["model name"].FirstOrDefault();
        return name is not null && !name.Any(char.IsAsciiDigit) && values["cpu family"].FirstOrDefault() is { } family && values["model"].FirstOrDefault() is { } model
            ? $"{name} (family {family}, model {model})"
            : name;
    }

    // In the tree git knows; a bundle carries the answer in a file beside the program.
    private static string CommitName()
    {
        string file = Path.Combine(AppContext.BaseDirectory, "commit.txt");
        if (File.Exists(file))
        {
            return File.ReadAllText(file).Trim();
        }

        return Git("rev-parse", "--short=12", "HEAD") is { } commit ? commit + (Git("status", "--porcelain", "--untracked-files=no") is "" ? "" : "+changes") : BuiltFrom();
    }

    // The SDK writes the commit behind the version.
    private static string BuiltFrom()
    {
        string version = typeof(MachineDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        int plus = version.IndexOf('+', StringComparison.Ordinal);
        return plus >= 0 ? version[(plus + 1)..Math.Min(version.Length, plus + 13)] : "unknown";
    }

    private static string? Git(params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo("git", ["-C", AppContext.BaseDirectory, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(start)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output.Trim() : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
