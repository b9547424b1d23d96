using System.Runtime.InteropServices;
using DilatedKernels.Distributed.Nccl;

namespace DilatedKernels.Cuda;

/// <summary>Where the native libraries of the driver, cuBLAS and NCCL are looked for. Shared by all bindings, so that they find the same ones.</summary>
public static class CudaLibraries
{
    /// <summary>The environment variable that names the driver's library.</summary>
    public const string DriverVariable = "DILATEDKERNELS_LIBCUDA";

    /// <summary>The environment variable that names cuBLAS's library.</summary>
    public const string CublasVariable = "DILATEDKERNELS_LIBCUBLAS";

    /// <summary>The environment variable that names NCCL's library.</summary>
    public const string NcclVariable = "DILATEDKERNELS_LIBNCCL";

    /// <summary>The driver's files in the order in which they are tried: the one that <see cref="DriverVariable"/> names, or else the usual ones.</summary>
    public static IReadOnlyList<string> DriverFiles =>
        Candidates(DriverVariable, OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"]);

    /// <summary>cuBLAS's files in the order in which they are tried: the one that <see cref="CublasVariable"/> names, or else the usual ones, newest first.</summary>
    public static IReadOnlyList<string> CublasFiles => Candidates(CublasVariable, OperatingSystem.IsWindows()
        ? ["cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"]
        : ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "libcublas.so"]);

    /// <summary>NCCL's files in the order in which they are tried: the one that <see cref="NcclVariable"/> names, or else the usual ones.</summary>
    public static IReadOnlyList<string> NcclFiles => Candidates(NcclVariable, ["libnccl.so.2", "libnccl.so"]);

    /// <summary>Looks for NCCL, by which GPUs of several processes exchange gradients. Never throws.</summary>
    /// <param name="description">Its version and file; or, where it cannot be had, why not, in one line.</param>
    public static bool TryFindNccl(out string description)
    {
        NcclLibrary? nccl = NcclLibrary.TryLoad(out string reason);
        description = nccl is null ? reason : $"{nccl.VersionText} ({nccl.File})";
        return nccl is not null;
    }

    /// <summary>Loads the first of some libraries that the system finds. Never throws.</summary>
    /// <param name="files">The candidates.</param>
    /// <param name="library">The loaded library; 0 when none was found.</param>
    /// <param name="file">Which one it was.</param>
    public static bool TryLoad(IReadOnlyList<string> files, out nint library, out string file)
    {
        ArgumentNullException.ThrowIfNull(files);
        foreach (string candidate in files)
        {
            if (NativeLibrary.TryLoad(candidate, out library))
            {
                file = candidate;
                return true;
            }
        }

        (library, file) = (0, "");
        return false;
    }

    /// <summary>Loads the driver. Never throws.</summary>
    /// <param name="files">The candidates, such as <see cref="DriverFiles"/>.</param>
    /// <param name="library">The loaded library.</param>
    /// <param name="file">Which one it was.</param>
    /// <param name="reason">Every file that was tried, when none was found; else empty.</param>
    public static bool TryLoadDriver(IReadOnlyList<string> files, out nint library, out string file, out string reason)
    {
        bool found = TryLoad(files, out library, out file);
        reason = found ? "" : $"no NVIDIA driver was found (tried {string.Join(", ", files)}; {DriverVariable} can name the file)";
        return found;
    }

    private static IReadOnlyList<string> Candidates(string variable, IReadOnlyList<string> usual)
    {
        string? chosen = Environment.GetEnvironmentVariable(variable);
        return string.IsNullOrWhiteSpace(chosen) ? usual : [chosen];
    }
}
