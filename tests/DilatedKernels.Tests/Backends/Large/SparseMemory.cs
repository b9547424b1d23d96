using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Backends.Large;

/// <summary>Addresses of many gigabytes, all zero, that take memory only where they are written. Linux only.</summary>
internal sealed unsafe partial class SparseMemory : IDisposable
{
    private const int ReadWrite = 3;
    private const int PrivateAnonymousNoReserve = 0x02 | 0x20 | 0x4000;

    private readonly nuint _bytes;

    public SparseMemory(long bytes)
    {
        _bytes = (nuint)bytes;
        Start = Map(null, _bytes, ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        Assert.That((nint)Start, Is.Not.EqualTo((nint)(-1)), $"{bytes} bytes of addresses");
    }

    public byte* Start { get; private set; }

    /// <summary>Its last bytes.</summary>
    public Span<byte> Last(int bytes) => new(Start + _bytes - bytes, bytes);

    public void Dispose()
    {
        if (Start != null)
        {
            _ = Unmap(Start, _bytes);
            Start = null;
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* Map(void* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(byte* address, nuint bytes);
}
