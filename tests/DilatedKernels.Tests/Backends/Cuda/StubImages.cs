using DilatedKernels.Backends.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>For drivers that have their kernels in themselves and do not look at images: the stub and the host driver.</summary>
internal sealed class StubImages : IKernelImages
{
    public string? FindModule(string kernel) => "built in";

    public ReadOnlySpan<byte> ReadModule(string module) => "built in"u8;
}
