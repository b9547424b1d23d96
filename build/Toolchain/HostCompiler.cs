namespace DilatedKernels.Build.Toolchain;

/// <summary>Finds the C++ compiler of this machine, for the kernels on the CPU and for nvcc, which needs one to read the sources.</summary>
internal static class HostCompiler
{
    /// <summary>What to install where there is none.</summary>
    public const string Hint = "install g++ (Debian: apt-get install g++) or set CXX";

    /// <summary>The compiler for the CPU: $CXX, g++, clang++, in this order; null where there is none.</summary>
    public static string? Locate()
    {
        string? given = Environment.GetEnvironmentVariable("CXX");
        return !string.IsNullOrEmpty(given)
            ? Command.Find(given) ?? throw new BuildException($"CXX is '{given}', and there is no such program.")
            : Command.Find("g++") ?? Command.Find("clang++");
    }

    /// <summary>The newest compiler that this nvcc takes: each release knows the compilers of its day only. Null where there is none.</summary>
    public static string? ForNvcc(Nvcc nvcc)
    {
        if (OperatingSystem.IsWindows())
        {
            return Command.Find("cl");
        }

        IEnumerable<string?> candidates = [Locate(), .. Enumerable.Range(11, 6).Reverse().Select(version => Command.Find($"g++-{version}")), Command.Find("clang++")];
        string empty = Path.Combine(Path.GetTempPath(), $"dilatedkernels-{Environment.ProcessId}.cu");
        File.WriteAllText(empty, "");
        try
        {
            return candidates.OfType<string>().FirstOrDefault(compiler => Command.Capture(nvcc.Path, ["-E", .. Option(compiler), empty]).ExitCode == 0);
        }
        finally
        {
            File.Delete(empty);
        }
    }

    /// <summary>The option that hands nvcc this compiler.</summary>
    public static string[] Option(string compiler) => OperatingSystem.IsWindows() ? [] : ["-ccbin", compiler];
}
