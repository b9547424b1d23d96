using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>A <see cref="Device"/> whose kernels run on the processor, through the same backend as on a GPU.</summary>
internal static class HostDevice
{
    /// <summary>Opens a build of the library; null and the reason where it was not made.</summary>
    public static Device? TryOpen(string build, out string reason) => HostDriver.TryOpen(build, out reason) is { } driver ? Open(driver) : null;

    public static Device Open(ICudaDriver driver) => new(new CudaBackend(driver.Open(0), new StubImages()));
}
