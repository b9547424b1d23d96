using System.Runtime.InteropServices;
using System.Text;

namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>What <c>dk_host_status</c> says.</summary>
public enum HostStatus
{
    Ok = 0,
    InvalidArgument = 1,
    OutOfMemory = 2,
    NotFound = 3,
    BarrierDivergence = 10,
    WarpDivergence = 11,
    Race = 12,
    OutOfBounds = 13,
    Uninitialised = 14,
    AsyncCopy = 15,
    UseAfterFree = 16,
    Misaligned = 17,
    UndefinedBehaviour = 18,
    Trap = 19,
    Mbarrier = 20,
    Warpgroup = 21,
    Cluster = 22,
}

/// <summary>A call's status and, when it is not <see cref="HostStatus.Ok"/>, the message.</summary>
public readonly record struct HostResult(HostStatus Status, string Message);

/// <summary>The library's <c>dk_host_tensor</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct HostTensor
{
    public ulong Address;
    public fixed ulong Extents[5];
    public fixed ulong Strides[4];
    public fixed uint Steps[5];
    public uint Axes;
    public uint ElementBytes;
    public uint Swizzle;
    public uint IsTf32;

    /// <summary>A dense tensor, fastest axis first.</summary>
    public HostTensor(nint address, int elementBytes, int swizzle, ReadOnlySpan<int> extents, ReadOnlySpan<int> steps = default)
    {
        (Address, ElementBytes, Swizzle, Axes) = ((ulong)address, (uint)elementBytes, (uint)swizzle, (uint)extents.Length);
        ulong stride = ElementBytes;
        for (int i = 0; i < extents.Length; i++)
        {
            Extents[i] = (ulong)extents[i];
            Steps[i] = steps.IsEmpty ? 1 : (uint)steps[i];
            stride *= Extents[i];
            if (i + 1 < extents.Length)
            {
                Strides[i] = stride;
            }
        }
    }
}

/// <summary>The C interface of a host library, as thin as tests of it need. One test at a time uses one library.</summary>
internal sealed unsafe class HostLibrary
{
    private readonly nint _library;

    public HostLibrary(string path) => _library = NativeLibrary.Load(path);

    public string Build => Text(((delegate* unmanaged<byte*>)Export("dk_host_build"))());

    public int Seed { set => Check(((delegate* unmanaged<int, long, int>)Export("dk_host_set_option"))(0, value)); }

    public int Threads { set => Check(((delegate* unmanaged<int, long, int>)Export("dk_host_set_option"))(1, value)); }

    public (ulong LiveBytes, ulong LiveCount, ulong PeakBytes, ulong TotalCount) Memory
    {
        get
        {
            (ulong, ulong, ulong, ulong) memory = default;
            ((delegate* unmanaged<void*, void>)Export("dk_host_memory_statistics"))(&memory);
            return memory;
        }
    }

    public nint Allocate(long bytes)
    {
        nint address;
        Check(((delegate* unmanaged<ulong, nint*, int>)Export("dk_host_allocate"))((ulong)bytes, &address));
        return address;
    }

    public nint Upload<T>(params ReadOnlySpan<T> values)
        where T : unmanaged
    {
        nint address = Allocate(values.Length * (long)sizeof(T));
        fixed (T* source = values)
        {
            Check(Result(((delegate* unmanaged<nint, void*, ulong, int>)Export("dk_host_copy_to_device"))(address, source, (ulong)values.Length * (ulong)sizeof(T))));
        }

        return address;
    }

    public T[] Download<T>(nint address, int count)
        where T : unmanaged
    {
        var values = new T[count];
        fixed (T* target = values)
        {
            Check(Result(((delegate* unmanaged<void*, nint, ulong, int>)Export("dk_host_copy_to_host"))(target, address, (ulong)count * (ulong)sizeof(T))));
        }

        return values;
    }

    public HostResult CopyOnDevice(nint target, nint source, long bytes) =>
        Result(((delegate* unmanaged<nint, nint, ulong, int>)Export("dk_host_copy_on_device"))(target, source, (ulong)bytes));

    public HostResult Fill(nint target, uint value, int elementBytes, long count) =>
        Result(((delegate* unmanaged<nint, uint, uint, ulong, int>)Export("dk_host_fill"))(target, value, (uint)elementBytes, (ulong)count));

    /// <summary>Makes a tensor map for boxes.</summary>
    public HostResult EncodeTiled(HostTensor tensor, ReadOnlySpan<uint> box, out byte[] map)
    {
        map = new byte[128];
        fixed (uint* b = box)
        fixed (byte* target = map)
        {
            return Result(((delegate* unmanaged<HostTensor*, uint*, void*, int>)Export("dk_host_encode_tiled"))(&tensor, b, target));
        }
    }

    /// <summary>Makes a tensor map for columns of pixels.</summary>
    public HostResult EncodeIm2col(HostTensor tensor, ReadOnlySpan<int> lower, ReadOnlySpan<int> upper, uint channels, uint pixels, out byte[] map)
    {
        map = new byte[128];
        fixed (int* l = lower, u = upper)
        fixed (byte* target = map)
        {
            return Result(((delegate* unmanaged<HostTensor*, int*, int*, uint, uint, void*, int>)Export("dk_host_encode_im2col"))(&tensor, l, u, channels, pixels, target));
        }
    }

    public HostResult Free(nint address) => Result(((delegate* unmanaged<nint, int>)Export("dk_host_free"))(address));

    public HostResult CheckMemory() => Result(((delegate* unmanaged<int>)Export("dk_host_check_memory"))());

    public string[] KernelNames()
    {
        int count = ((delegate* unmanaged<int>)Export("dk_host_kernel_count"))();
        return [.. Enumerable.Range(0, count).Select(i => Text(((delegate* unmanaged<int, byte*>)Export("dk_host_kernel_name"))(i)))];
    }

    public HostResult Find(string kernel, out nint handle)
    {
        fixed (byte* name = Encoding.ASCII.GetBytes(kernel + '\0'))
        {
            handle = ((delegate* unmanaged<byte*, nint>)Export("dk_host_find_kernel"))(name);
        }

        return handle != 0 ? new(HostStatus.Ok, "") : new(HostStatus.NotFound, LastError());
    }

    /// <summary>Runs a kernel; the arguments' sizes must be those of its parameters.</summary>
    public HostResult Launch(string kernel, (int X, int Y, int Z) grid, (int X, int Y, int Z) block, int sharedBytes, params object[] arguments) =>
        LaunchClusters(kernel, grid, block, (1, 1, 1), sharedBytes, arguments);

    /// <summary>Runs a kernel whose blocks come in clusters.</summary>
    public HostResult LaunchClusters(
        string kernel, (int X, int Y, int Z) grid, (int X, int Y, int Z) block, (int X, int Y, int Z) cluster, int sharedBytes, params object[] arguments)
    {
        HostResult found = Find(kernel, out nint handle);
        if (found.Status != HostStatus.Ok)
        {
            return found;
        }

        int count = ((delegate* unmanaged<nint, int>)Export("dk_host_parameter_count"))(handle);
        Assert.That(arguments, Has.Length.EqualTo(count), $"arguments of {kernel}");
        const int Words = 16;
        long* values = stackalloc long[count * Words];
        nint* pointers = stackalloc nint[count];
        for (int i = 0; i < count; i++)
        {
            int bytes = ((delegate* unmanaged<nint, int, int>)Export("dk_host_parameter_bytes"))(handle, i);
            long* value = values + (i * Words);
            (*value, int size) = arguments[i] switch
            {
                nint pointer => (pointer, 8),
                long number => (number, 8),
                int number => (number, 4),
                float number => (BitConverter.SingleToInt32Bits(number), 4),
                byte[] map => (0, map.Length),
                _ => throw new ArgumentException($"argument {i} of {kernel} is a {arguments[i].GetType()}", nameof(arguments)),
            };
            Assert.That(size, Is.EqualTo(bytes), $"bytes of argument {i} of {kernel}");
            (arguments[i] as byte[])?.CopyTo(new Span<byte>(value, Words * sizeof(long)));
            pointers[i] = (nint)value;
        }

        return Result(((delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, uint, uint, uint, nint*, int>)Export("dk_host_launch"))(
            handle, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block.X, (uint)block.Y, (uint)block.Z, (uint)cluster.X, (uint)cluster.Y, (uint)cluster.Z, (uint)sharedBytes, pointers));
    }

    public void MustLaunch(string kernel, (int X, int Y, int Z) grid, (int X, int Y, int Z) block, params object[] arguments) =>
        Check(Launch(kernel, grid, block, 0, arguments));

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static void Check(HostResult result) => Assert.That(result, Is.EqualTo(new HostResult(HostStatus.Ok, "")));

    private void Check(int status) => Check(Result(status));

    private HostResult Result(int status) => new((HostStatus)status, status == 0 ? "" : LastError());

    private string LastError() => Text(((delegate* unmanaged<byte*>)Export("dk_host_last_error"))());

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);
}
