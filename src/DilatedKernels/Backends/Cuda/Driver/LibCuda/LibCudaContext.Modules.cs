using System.Runtime.InteropServices;
using System.Text;

namespace DilatedKernels.Cuda;

internal sealed unsafe partial class LibCudaContext
{
    private const int JitErrorLog = 5;
    private const int JitErrorLogBytes = 6;
    private const int LogCapacity = 16 << 10;
    private const nuint ImageAlignment = 64;

    public KernelModuleHandle LoadModule(ReadOnlySpan<byte> image)
    {
        if (image.IsEmpty)
        {
            throw new ArgumentException("The kernel image is empty.", nameof(image));
        }

        MakeCurrent();

        // A resource in an assembly promises no alignment, and PTX needs a zero at its end.
        void* copy = NativeMemory.AlignedAlloc((nuint)image.Length + 1, ImageAlignment);
        byte* log = (byte*)NativeMemory.AllocZeroed(LogCapacity);
        try
        {
            image.CopyTo(new Span<byte>(copy, image.Length));
            ((byte*)copy)[image.Length] = 0;
            int* options = stackalloc int[] { JitErrorLog, JitErrorLogBytes };
            void** values = stackalloc void*[] { log, (void*)LogCapacity };
            nint module = 0;
            int code = _api.ModuleLoadDataEx(&module, copy, 2, options, values);
            if (code != 0)
            {
                string text = Marshal.PtrToStringUTF8((nint)log)?.Trim() ?? "";
                Throw(code, "cuModuleLoadDataEx", null, text.Length == 0 ? $"The device is {Device}." : $"The device is {Device}. The driver's compiler says: {text}");
            }

            return new KernelModuleHandle(module);
        }
        finally
        {
            NativeMemory.AlignedFree(copy);
            NativeMemory.Free(log);
        }
    }

    public void UnloadModule(KernelModuleHandle module)
    {
        MakeCurrent();
        Check(_api.ModuleUnload(module.Value), "cuModuleUnload");
    }

    public bool TryGetFunction(KernelModuleHandle module, string name, out FunctionHandle function)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        MakeCurrent();
        byte[] text = Encoding.UTF8.GetBytes(name + '\0');
        nint handle = 0;
        int code;
        fixed (byte* p = text)
        {
            code = _api.ModuleGetFunction(&handle, module.Value, p);
        }

        function = new FunctionHandle(handle);
        if (code == CudaException.NotFound)
        {
            return false;
        }

        if (code != 0)
        {
            Throw(code, "cuModuleGetFunction", name, null);
        }

        _names[handle] = name;
        return true;
    }

    public int GetProperty(FunctionHandle function, FunctionProperty property)
    {
        Enter();
        int value = 0;
        int code = _api.FuncGetAttribute(&value, (int)property, function.Value);
        if (code != 0)
        {
            Throw(code, "cuFuncGetAttribute", NameOf(function), $"The property was {property}.");
        }

        return value;
    }

    public void SetProperty(FunctionHandle function, FunctionProperty property, int value)
    {
        Enter();
        int code = _api.FuncSetAttribute(function.Value, (int)property, value);
        if (code != 0)
        {
            Throw(code, "cuFuncSetAttribute", NameOf(function), $"{property} was to be {value}.");
        }
    }

    public int GetResidentBlocks(FunctionHandle function, int threads, long sharedBytes)
    {
        Enter();
        int blocks = 0;
        int code = _api.OccupancyMaxActiveBlocks(&blocks, function.Value, threads, (nuint)sharedBytes);
        if (code != 0)
        {
            Throw(code, "cuOccupancyMaxActiveBlocksPerMultiprocessor", NameOf(function), null);
        }

        return blocks;
    }

    public void Launch(FunctionHandle function, in LaunchConfiguration configuration, ReadOnlySpan<nint> arguments)
    {
        Enter();
        int code;
        fixed (nint* p = arguments)
        {
            code = configuration.HasAttributes
                ? LaunchWithAttributes(function, configuration, (void**)p)
                : _api.LaunchKernel(
                    function.Value,
                    configuration.Grid.X, configuration.Grid.Y, configuration.Grid.Z,
                    configuration.Block.X, configuration.Block.Y, configuration.Block.Z,
                    configuration.SharedBytes, configuration.Stream.Value, (void**)p, null);
        }

        if (code != 0)
        {
            Throw(
                code, configuration.HasAttributes ? "cuLaunchKernelEx" : "cuLaunchKernel", NameOf(function),
                $"The grid was {configuration.Grid} blocks of {configuration.Block} threads with {configuration.SharedBytes} bytes of shared memory.");
        }
    }

    private int LaunchWithAttributes(FunctionHandle function, in LaunchConfiguration configuration, void** arguments)
    {
        if (_api.LaunchKernelEx == null)
        {
            throw new NotSupportedException($"Kernel {NameOf(function)} is launched with attributes, which the driver ({Driver.Description}) does not know; CUDA 12 does.");
        }

        LaunchAttribute* attributes = stackalloc LaunchAttribute[2];
        uint count = 0;
        if (configuration.Cluster != default)
        {
            attributes[count++] = LaunchAttribute.Cluster(configuration.Cluster);
        }

        if (configuration.OverlapsPredecessor)
        {
            attributes[count++] = LaunchAttribute.OverlapsPredecessor();
        }

        var config = new LaunchConfig
        {
            Grid = configuration.Grid,
            Block = configuration.Block,
            SharedBytes = configuration.SharedBytes,
            Stream = configuration.Stream.Value,
            Attributes = attributes,
            AttributeCount = count,
        };
        return _api.LaunchKernelEx(&config, function.Value, arguments, null);
    }
}
