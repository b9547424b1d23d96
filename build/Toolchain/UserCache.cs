namespace DilatedKernels.Build.Toolchain;

/// <summary>The folder of what is fetched once and used by every checkout.</summary>
internal static class UserCache
{
    public static string Folder { get; } = Path.Combine(Root(), "dilatedkernels");

    /// <summary>Where <see cref="AptToolkit"/> puts nvcc, as a CUDA tree.</summary>
    public static string Cuda { get; } = Path.Combine(Folder, "cuda-" + AptToolkit.CudaVersion);

    private static string Root()
    {
        string? given = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (!string.IsNullOrEmpty(given) && Path.IsPathRooted(given))
        {
            return given;
        }

        return OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
    }
}
