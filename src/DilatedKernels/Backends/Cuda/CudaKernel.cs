using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>A kernel that has been found in its module.</summary>
internal sealed class CudaKernel(string name, FunctionHandle function)
{
    public string Name => name;

    public FunctionHandle Function => function;

    /// <summary>The dynamic shared memory that launches may ask for so far.</summary>
    public required int SharedBytes { get; set; }
}
