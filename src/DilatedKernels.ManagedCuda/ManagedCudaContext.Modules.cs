using System.Runtime.InteropServices;
using ManagedCuda;
using ManagedCuda.BasicTypes;
using static ManagedCuda.DriverAPINativeMethods;

namespace DilatedKernels.Cuda;

internal sealed unsafe partial class ManagedCudaContext
{
    private const int LogCapacity = 16 << 10;
    private const int MaxArguments = 64;

    // The driver reads as many as the kernel has parameters, so one array serves every launch of a thread.
    [ThreadStatic]
    private static nint[]? s_arguments;

    public KernelModuleHandle LoadModule(ReadOnlySpan<byte> image)
    {
        if (image.IsEmpty)
        {
            throw new ArgumentException("The kernel image is empty.", nameof(image));
        }

        MakeCurrent();
        byte[] copy = new byte[image.Length + 1];
        image.CopyTo(copy);
        byte* log = (byte*)NativeMemory.AllocZeroed(LogCapacity);
        try
        {
            CUmodule module = default;
            CUResult result = ModuleManagement.cuModuleLoadDataEx(
                ref module, copy, 2, [CUJITOption.ErrorLogBuffer, CUJITOption.ErrorLogBufferSizeBytes], [(nint)log, LogCapacity]);
            if (result != CUResult.Success)
            {
                string text = Marshal.PtrToStringUTF8((nint)log)?.Trim() ?? "";
                ManagedCudaError.Throw(
                    result, "cuModuleLoadDataEx", null, text.Length == 0 ? $"The device is {Device}." : $"The device is {Device}. The driver's compiler says: {text}");
            }

            return new KernelModuleHandle(module.Pointer);
        }
        finally
        {
            NativeMemory.Free(log);
        }
    }

    public void UnloadModule(KernelModuleHandle module)
    {
        MakeCurrent();
        Check(ModuleManagement.cuModuleUnload(new CUmodule { Pointer = module.Value }), "cuModuleUnload");
    }

    public bool TryGetFunction(KernelModuleHandle module, string name, out FunctionHandle function)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        MakeCurrent();
        try
        {
            CudaKernel kernel = ManagedCudaError.Guard("cuModuleGetFunction", () => new CudaKernel(name, new CUmodule { Pointer = module.Value }));
            function = new FunctionHandle(kernel.CUFunction.Pointer);
            _kernels[function.Value] = kernel;
            return true;
        }
        catch (CudaException e) when (e.Code == CudaException.NotFound)
        {
            function = default;
            return false;
        }
    }

    public int GetProperty(FunctionHandle function, FunctionProperty property)
    {
        Enter();
        int value = 0;
        CUResult result = FunctionManagement.cuFuncGetAttribute(ref value, (CUFunctionAttribute)(int)property, Native(function));
        if (result != CUResult.Success)
        {
            ManagedCudaError.Throw(result, "cuFuncGetAttribute", NameOf(function), $"The property was {property}.");
        }

        return value;
    }

    public void SetProperty(FunctionHandle function, FunctionProperty property, int value)
    {
        Enter();
        CUResult result = FunctionManagement.cuFuncSetAttribute(Native(function), (CUFunctionAttribute)(int)property, value);
        if (result != CUResult.Success)
        {
            ManagedCudaError.Throw(result, "cuFuncSetAttribute", NameOf(function), $"{property} was to be {value}.");
        }
    }

    public int GetResidentBlocks(FunctionHandle function, int threads, long sharedBytes)
    {
        Enter();
        int blocks = 0;
        CUResult result = Occupancy.cuOccupancyMaxActiveBlocksPerMultiprocessor(ref blocks, Native(function), threads, new SizeT(sharedBytes));
        if (result != CUResult.Success)
        {
            ManagedCudaError.Throw(result, "cuOccupancyMaxActiveBlocksPerMultiprocessor", NameOf(function), null);
        }

        return blocks;
    }

    public void Launch(FunctionHandle function, in LaunchConfiguration configuration, ReadOnlySpan<nint> arguments)
    {
        Enter();
        nint[] addresses = s_arguments ??= new nint[MaxArguments];
        arguments.CopyTo(addresses);
        CUResult result = configuration.HasAttributes
            ? LaunchWithAttributes(function, configuration, addresses)
            : DriverAPINativeMethods.Launch.cuLaunchKernel(
                Native(function),
                configuration.Grid.X, configuration.Grid.Y, configuration.Grid.Z,
                configuration.Block.X, configuration.Block.Y, configuration.Block.Z,
                configuration.SharedBytes, Native(configuration.Stream), addresses, null!);
        if (result != CUResult.Success)
        {
            ManagedCudaError.Throw(
                result, configuration.HasAttributes ? "cuLaunchKernelEx" : "cuLaunchKernel", NameOf(function),
                $"The grid was {configuration.Grid} blocks of {configuration.Block} threads with {configuration.SharedBytes} bytes of shared memory.");
        }
    }

    private static CUfunction Native(FunctionHandle function) => new() { Pointer = function.Value };

    private CUResult LaunchWithAttributes(FunctionHandle function, in LaunchConfiguration configuration, nint[] addresses)
    {
        if (!_direct.HasLaunchAttributes)
        {
            throw new NotSupportedException($"Kernel {NameOf(function)} is launched with attributes, which the driver ({Driver.Description}) does not know; CUDA 12 does.");
        }

        fixed (nint* p = addresses)
        {
            return _direct.Launch(function, configuration, (void**)p);
        }
    }

    private string NameOf(FunctionHandle function) =>
        _kernels.TryGetValue(function.Value, out CudaKernel? kernel) ? kernel.KernelName : $"0x{function.Value:x}";
}
