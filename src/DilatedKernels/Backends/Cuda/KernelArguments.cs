using System.Diagnostics;
using System.Runtime.CompilerServices;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>The values of a launch's arguments, on the stack: each added in the order of the kernel's parameters, with exactly their types.</summary>
internal unsafe ref struct KernelArguments
{
    /// <summary>The most arguments of a kernel.</summary>
    public const int Capacity = 24;

    // 18 tensor maps of 128 bytes, the largest argument, and others.
    private const int Words = 384;

    private Storage _words;
    private Starts _starts;
    private int _used;

    /// <summary>The number of arguments so far.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a value: a <see cref="DevicePointer"/>, int, long, float, a <see cref="TensorMap"/>, or a struct laid out as the kernel's.</summary>
    public void Add<T>(T value)
        where T : unmanaged
    {
        int words = (sizeof(T) + sizeof(ulong) - 1) / sizeof(ulong);
        Debug.Assert(Count < Capacity && _used + words <= Words, "more arguments than a launch has room for");
        Unsafe.WriteUnaligned(ref Unsafe.As<ulong, byte>(ref _words[_used]), value);
        _starts[Count++] = (ushort)_used;
        _used += words;
    }

    /// <summary>Writes the addresses of the values; they hold as long as this struct stays where it is.</summary>
    public readonly void GetAddresses(Span<nint> addresses)
    {
        // A ref struct lies on the stack, so its address is fixed.
        ulong* words = (ulong*)Unsafe.AsPointer(ref Unsafe.AsRef(in _words[0]));
        for (int i = 0; i < Count; i++)
        {
            addresses[i] = (nint)(words + _starts[i]);
        }
    }

    [InlineArray(Words)]
    private struct Storage
    {
        private ulong _word;
    }

    [InlineArray(Capacity)]
    private struct Starts
    {
        private ushort _start;
    }
}
