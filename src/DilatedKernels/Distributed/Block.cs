using System.Runtime.InteropServices;

namespace DilatedKernels.Distributed;

/// <summary>Memory that stays where it is while bytes are moved.</summary>
/// <param name="Address">Its first byte.</param>
/// <param name="Length">In bytes.</param>
internal readonly record struct Block(nint Address, long Length)
{
    public Block Slice(long begin, long length) => new(Address + (nint)begin, length);

    public unsafe Span<T> AsSpan<T>()
        where T : unmanaged => new((void*)Address, checked((int)(Length / sizeof(T))));
}

/// <summary>An array that is held in its place.</summary>
internal struct PinnedArray : IDisposable
{
    private GCHandle _handle;

    public PinnedArray(Array array, long bytes)
    {
        _handle = GCHandle.Alloc(array, GCHandleType.Pinned);
        Block = new Block(bytes == 0 ? 0 : _handle.AddrOfPinnedObject(), bytes);
    }

    public Block Block { get; }

    public void Dispose() => _handle.Free();
}

/// <summary>Memory of no collector, for what only passes through.</summary>
internal sealed unsafe class NativeBlock : IDisposable
{
    public NativeBlock(long bytes) => Block = new Block((nint)NativeMemory.Alloc((nuint)Math.Max(bytes, 1)), bytes);

    public Block Block { get; }

    public void Dispose() => NativeMemory.Free((void*)Block.Address);
}
