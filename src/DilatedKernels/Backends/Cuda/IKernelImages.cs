namespace DilatedKernels.Backends.Cuda;

/// <summary>Where a backend's kernels come from.</summary>
internal interface IKernelImages
{
    /// <summary>The image that holds a kernel; null when none does.</summary>
    string? FindModule(string kernel);

    /// <summary>An image's bytes.</summary>
    ReadOnlySpan<byte> ReadModule(string module);
}

/// <summary>The fat binaries in this assembly.</summary>
internal sealed class EmbeddedKernelImages : IKernelImages
{
    public string? FindModule(string kernel) => EmbeddedKernels.FindModule(kernel);

    public ReadOnlySpan<byte> ReadModule(string module) => EmbeddedKernels.ReadModule(module);
}
