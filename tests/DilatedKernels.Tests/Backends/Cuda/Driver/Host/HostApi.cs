using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>The C interface of libdilatedkernels_host (kernels/host/dilated_host.h). Loaded once a file, since its memory is the process's.</summary>
internal sealed unsafe class HostApi
{
    private const int AbiVersion = 3;
    private const string Folder = "kernels/host";

    private readonly nint _library;

    private HostApi(nint library)
    {
        _library = library;
        Build = Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Export("dk_host_build"))())!;
        Allocate = (delegate* unmanaged<ulong, ulong*, int>)Export("dk_host_allocate");
        Free = (delegate* unmanaged<ulong, int>)Export("dk_host_free");
        CopyToDevice = (delegate* unmanaged<ulong, void*, ulong, int>)Export("dk_host_copy_to_device");
        CopyToHost = (delegate* unmanaged<void*, ulong, ulong, int>)Export("dk_host_copy_to_host");
        CopyOnDevice = (delegate* unmanaged<ulong, ulong, ulong, int>)Export("dk_host_copy_on_device");
        Fill = (delegate* unmanaged<ulong, uint, uint, ulong, int>)Export("dk_host_fill");
        CheckMemory = (delegate* unmanaged<int>)Export("dk_host_check_memory");
        GetMemory = (delegate* unmanaged<Memory*, void>)Export("dk_host_memory_statistics");
        FindKernel = (delegate* unmanaged<byte*, nint>)Export("dk_host_find_kernel");
        ParameterCount = (delegate* unmanaged<nint, int>)Export("dk_host_parameter_count");
        ParameterBytes = (delegate* unmanaged<nint, int, int>)Export("dk_host_parameter_bytes");
        Launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, uint, uint, uint, void**, int>)Export("dk_host_launch");
        EncodeTiled = (delegate* unmanaged<Tensor*, uint*, void*, int>)Export("dk_host_encode_tiled");
        EncodeIm2col = (delegate* unmanaged<Tensor*, int*, int*, uint, uint, void*, int>)Export("dk_host_encode_im2col");
        SetOption = (delegate* unmanaged<int, long, int>)Export("dk_host_set_option");
    }

    /// <summary>How the library was built: plain, checked or address.</summary>
    public string Build { get; }

    public delegate* unmanaged<ulong, ulong*, int> Allocate { get; }

    public delegate* unmanaged<ulong, int> Free { get; }

    public delegate* unmanaged<ulong, void*, ulong, int> CopyToDevice { get; }

    public delegate* unmanaged<void*, ulong, ulong, int> CopyToHost { get; }

    public delegate* unmanaged<ulong, ulong, ulong, int> CopyOnDevice { get; }

    public delegate* unmanaged<ulong, uint, uint, ulong, int> Fill { get; }

    public delegate* unmanaged<int> CheckMemory { get; }

    public delegate* unmanaged<Memory*, void> GetMemory { get; }

    public delegate* unmanaged<byte*, nint> FindKernel { get; }

    public delegate* unmanaged<nint, int> ParameterCount { get; }

    public delegate* unmanaged<nint, int, int> ParameterBytes { get; }

    public delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, uint, uint, uint, void**, int> Launch { get; }

    public delegate* unmanaged<Tensor*, uint*, void*, int> EncodeTiled { get; }

    public delegate* unmanaged<Tensor*, int*, int*, uint, uint, void*, int> EncodeIm2col { get; }

    public delegate* unmanaged<int, long, int> SetOption { get; }

    public string LastError => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Export("dk_host_last_error"))())!;

    /// <summary>Loads a build of the library; null and the reason where it was not made.</summary>
    /// <param name="build">plain, checked or address.</param>
    /// <param name="reason">Why not.</param>
    public static HostApi? TryLoad(string build, out string reason)
    {
        string name = build == "plain" ? "libdilatedkernels_host" : $"libdilatedkernels_host_{build}";
        string file = Path.Combine(AppContext.BaseDirectory, Folder, name + (OperatingSystem.IsMacOS() ? ".dylib" : ".so"));
        if (!File.Exists(file))
        {
            reason = $"the kernels are not compiled for the CPU ({Path.GetFileName(file)} is not there; ./build.sh makes it where a C++20 compiler is)";
            return null;
        }

        nint library = NativeLibrary.Load(file);
        int version = ((delegate* unmanaged<int>)NativeLibrary.GetExport(library, "dk_host_abi_version"))();
        Assert.That(version, Is.EqualTo(AbiVersion), $"{file} has another interface");
        reason = "";
        return new HostApi(library);
    }

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);

    /// <summary>The library's <c>dk_host_tensor</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Tensor
    {
        public ulong Address;
        public fixed ulong Extents[5];
        public fixed ulong Strides[4];
        public fixed uint Steps[5];
        public uint Axes;
        public uint ElementBytes;
        public uint Swizzle;
        public uint IsTf32;
    }

    /// <summary>The library's <c>dk_host_memory</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Memory
    {
        public ulong LiveBytes;
        public ulong LiveCount;
        public ulong PeakBytes;
        public ulong TotalCount;
    }
}
