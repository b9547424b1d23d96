using System.Reflection;
using System.Runtime.Loader;
using ManagedCuda;
using ManagedCuda.CudaBlas;

namespace DilatedKernels.Cuda;

/// <summary>
/// ManagedCuda asks for <c>libcuda</c> and <c>cublas</c>, names that exist on Linux only where development packages are installed. Where
/// the usual search fails, this answers with the libraries that <see cref="CudaLibraries"/> finds.
/// </summary>
internal static class NativeNames
{
    private static readonly Assembly s_driverAssembly = typeof(DriverAPINativeMethods).Assembly;
    private static readonly Assembly s_blasAssembly = typeof(CudaBlasNativeMethods).Assembly;
    private static readonly Lock s_lock = new();
    private static bool s_installed;

    // The question comes anew for every function; all answers must be the same.
    private static nint s_driver;
    private static nint s_blas;

    /// <summary>Installs the answer; the first driver counts.</summary>
    public static void Install(nint driver)
    {
        lock (s_lock)
        {
            if (!s_installed)
            {
                s_installed = true;
                s_driver = driver;
                AssemblyLoadContext.Default.ResolvingUnmanagedDll += Resolve;
            }
        }
    }

    private static nint Resolve(Assembly assembly, string name)
    {
        if (assembly == s_driverAssembly)
        {
            return s_driver;
        }

        if (assembly != s_blasAssembly)
        {
            return 0;
        }

        lock (s_lock)
        {
            if (s_blas == 0)
            {
                _ = CudaLibraries.TryLoad(CudaLibraries.CublasFiles, out s_blas, out _);
            }

            return s_blas;
        }
    }
}
