#if MANAGEDCUDA
using DilatedKernels.Cuda;
#endif

namespace DilatedKernels.Cli;

/// <summary>The driver bindings beside libcuda that this build of the command has.</summary>
internal static class DriverBindings
{
    /// <summary>Makes them known. ManagedCuda is one, and the first choice, where the build found its packages.</summary>
    public static void Register()
    {
#if MANAGEDCUDA
        ManagedCudaDriver.Register();
#endif
    }
}
