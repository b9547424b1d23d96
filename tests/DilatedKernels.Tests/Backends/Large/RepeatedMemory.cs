using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Backends.Large;

/// <summary>One block of memory at many addresses, one after the other: what is written into one is in all. Linux only.</summary>
internal sealed unsafe partial class RepeatedMemory : IDisposable
{
    private const int ReadWrite = 3;
    private const int NoAccess = 0;
    private const int PrivateAnonymousNoReserve = 0x02 | 0x20 | 0x4000;
    private const int SharedFixed = 0x01 | 0x10;

    // The system has some ten thousand mappings for a process.
    private const int LeastBlockBytes = 8 << 20;

    private readonly nuint _bytes;

    /// <summary>Maps <paramref name="period"/> bytes, a multiple of the page size, <paramref name="times"/> times.</summary>
    public RepeatedMemory(int period, int times)
    {
        int together = Math.Min(times, Math.Max(1, LeastBlockBytes / period));
        nint block = (nint)period * together;
        _bytes = (nuint)period * (nuint)times;
        int file = CreateFile("repeated", 0);
        Assert.That(file, Is.GreaterThanOrEqualTo(0));
        try
        {
            Assert.That(SetLength(file, block), Is.Zero);
            // A page behind it stays out of reach.
            Start = Map(null, _bytes + (nuint)Environment.SystemPageSize, NoAccess, PrivateAnonymousNoReserve, -1, 0);
            Assert.That((nint)Start, Is.Not.EqualTo((nint)(-1)));
            for (nuint at = 0; at < _bytes; at += (nuint)block)
            {
                byte* mapped = Map(Start + at, nuint.Min((nuint)block, _bytes - at), ReadWrite, SharedFixed, file, 0);
                Assert.That((nint)mapped, Is.EqualTo((nint)(Start + at)), $"mapping {at / (nuint)block}");
            }
        }
        finally
        {
            _ = Close(file);
        }

        Period = period;
        Together = together;
    }

    public byte* Start { get; private set; }

    /// <summary>Bytes until it repeats.</summary>
    public int Period { get; }

    /// <summary>How many periods the memory really has.</summary>
    public int Together { get; }

    public void Dispose()
    {
        if (Start != null)
        {
            _ = Unmap(Start, _bytes + (nuint)Environment.SystemPageSize);
            Start = null;
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int SetLength(int file, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(void* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(byte* address, nuint bytes);
}
