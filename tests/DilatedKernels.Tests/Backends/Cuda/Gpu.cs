using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>This machine's GPU, for tests of category Gpu.</summary>
internal static class Gpu
{
    /// <summary>Opens it; the calling test is skipped with the reason where there is none.</summary>
    public static Device Open()
    {
        string reason = CudaDevices.List().Reason;
        if (reason.Length > 0)
        {
            Assert.Ignore(reason);
        }

        return Device.CreateCuda();
    }
}
