using System.Text.RegularExpressions;

namespace DilatedKernels.Build.Toolchain;

/// <summary>An nvcc that can compile the kernels.</summary>
/// <param name="Path">The program.</param>
/// <param name="Version">Its release, such as 12.4.131.</param>
/// <param name="Origin">Where it was found, in words.</param>
internal sealed partial record Nvcc(string Path, Version Version, string Origin)
{
    /// <summary>The first that knows sm_90a and wgmma.</summary>
    public static readonly Version Oldest = new(12, 0);

    /// <summary>The folders looked in, in words, for a message that none was found.</summary>
    public static string Places => $"PATH, CUDA_HOME, CUDA_PATH, /usr/local/cuda, {UserCache.Cuda}";

    /// <summary>cuobjdump, which lists the machine code, or null. It comes with nvcc.</summary>
    public string? ObjectDump
    {
        get
        {
            string beside = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path)!, OperatingSystem.IsWindows() ? "cuobjdump.exe" : "cuobjdump");
            return File.Exists(beside) ? beside : Command.Find("cuobjdump");
        }
    }

    /// <summary>The first usable nvcc of this machine, or null.</summary>
    /// <param name="tooOld">Those found that are older than <see cref="Oldest"/>.</param>
    public static Nvcc? Locate(out string tooOld)
    {
        string name = OperatingSystem.IsWindows() ? "nvcc.exe" : "nvcc";
        string? InFolder(string? folder) => string.IsNullOrEmpty(folder) ? null : System.IO.Path.Combine(folder, "bin", name);
        (string? Path, string Origin)[] candidates =
        [
            (Command.Find("nvcc"), "PATH"),
            (InFolder(Environment.GetEnvironmentVariable("CUDA_HOME")), "CUDA_HOME"),
            (InFolder(Environment.GetEnvironmentVariable("CUDA_PATH")), "CUDA_PATH"),
            (InFolder("/usr/local/cuda"), "/usr/local/cuda"),
            (InFolder(UserCache.Cuda), "the per-user cache"),
        ];
        tooOld = "";
        foreach ((string? path, string origin) in candidates)
        {
            if (path is null || !File.Exists(path) || At(path, origin) is not Nvcc found)
            {
                continue;
            }

            if (found.Version >= Oldest)
            {
                return found;
            }

            tooOld += $" {path} is {found.Version}, and {Oldest} or newer is needed.";
        }

        return null;
    }

    /// <summary>The nvcc at this path, or null where it does not start.</summary>
    public static Nvcc? At(string path, string origin)
    {
        try
        {
            Match match = Release().Match(Command.Capture(path, ["--version"]).Output);
            return match.Success ? new Nvcc(path, Version.Parse(match.Groups[1].Value), origin) : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    [GeneratedRegex(@"\bV(\d+\.\d+\.\d+)\b")]
    private static partial Regex Release();
}
