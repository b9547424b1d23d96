namespace DilatedKernels.Cuda;

// Entry points for modules.
internal sealed unsafe partial class LibCudaApi
{
    /// <summary><c>cuModuleLoadDataEx</c>.</summary>
    public delegate* unmanaged<nint*, void*, uint, int*, void**, int> ModuleLoadDataEx { get; private set; }

    /// <summary><c>cuModuleUnload</c>.</summary>
    public delegate* unmanaged<nint, int> ModuleUnload { get; private set; }

    /// <summary><c>cuModuleGetFunction</c>.</summary>
    public delegate* unmanaged<nint*, nint, byte*, int> ModuleGetFunction { get; private set; }

    /// <summary><c>cuFuncGetAttribute</c>.</summary>
    public delegate* unmanaged<int*, int, nint, int> FuncGetAttribute { get; private set; }

    /// <summary><c>cuFuncSetAttribute</c>.</summary>
    public delegate* unmanaged<nint, int, int, int> FuncSetAttribute { get; private set; }

    /// <summary><c>cuOccupancyMaxActiveBlocksPerMultiprocessor</c>.</summary>
    public delegate* unmanaged<int*, nint, int, nuint, int> OccupancyMaxActiveBlocks { get; private set; }

    /// <summary><c>cuLaunchKernel</c>.</summary>
    public delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel { get; private set; }

    /// <summary><c>cuLaunchKernelEx</c>; null on drivers before CUDA 12.</summary>
    public delegate* unmanaged<LaunchConfig*, nint, void**, void**, int> LaunchKernelEx { get; private set; }

    /// <summary><c>cuTensorMapEncodeTiled</c>; null on drivers before CUDA 12.</summary>
    public delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int> TensorMapEncodeTiled { get; private set; }

    /// <summary><c>cuTensorMapEncodeIm2col</c>; null on drivers before CUDA 12.</summary>
    public delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, int*, int*, uint, uint, uint*, int, int, int, int, int> TensorMapEncodeIm2col { get; private set; }

    private void BindModules()
    {
        ModuleLoadDataEx = (delegate* unmanaged<nint*, void*, uint, int*, void**, int>)Required("cuModuleLoadDataEx");
        ModuleUnload = (delegate* unmanaged<nint, int>)Required("cuModuleUnload");
        ModuleGetFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Required("cuModuleGetFunction");
        FuncGetAttribute = (delegate* unmanaged<int*, int, nint, int>)Required("cuFuncGetAttribute");
        FuncSetAttribute = (delegate* unmanaged<nint, int, int, int>)Required("cuFuncSetAttribute");
        OccupancyMaxActiveBlocks = (delegate* unmanaged<int*, nint, int, nuint, int>)Required("cuOccupancyMaxActiveBlocksPerMultiprocessor");
        LaunchKernel = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Required("cuLaunchKernel");
        LaunchKernelEx = (delegate* unmanaged<LaunchConfig*, nint, void**, void**, int>)Optional("cuLaunchKernelEx");
        TensorMapEncodeTiled = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, int>)Optional("cuTensorMapEncodeTiled");
        TensorMapEncodeIm2col = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, int*, int*, uint, uint, uint*, int, int, int, int, int>)Optional("cuTensorMapEncodeIm2col");
    }
}
