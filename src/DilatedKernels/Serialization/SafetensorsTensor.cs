using System.Runtime.InteropServices;

namespace DilatedKernels.Serialization;

/// <summary>A named array to be written; its values may be fetched only when their turn comes.</summary>
public sealed class SafetensorsTensor
{
    private readonly Action<Stream> _write;

    private SafetensorsTensor(string name, SafetensorsType type, IReadOnlyList<int> shape, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(shape);
        (Name, Type, Shape, _write) = (name, type, shape, write);
        long count = 1;
        foreach (int extent in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(shape));
            count = checked(count * extent);
        }

        Count = count;
    }

    /// <summary>The key in the file.</summary>
    public string Name { get; }

    /// <summary>The element type.</summary>
    public SafetensorsType Type { get; }

    /// <summary>The extents; empty for a single value.</summary>
    public IReadOnlyList<int> Shape { get; }

    internal long Count { get; }

    internal long Bytes => checked(Count * Type.Size());

    /// <summary>Single-precision values.</summary>
    /// <param name="name">The key in the file.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="values">The values, last axis fastest.</param>
    public static SafetensorsTensor FromFloats(string name, IReadOnlyList<int> shape, ReadOnlyMemory<float> values) => FromFloats(name, shape, () => values);

    /// <summary>Single-precision values that are fetched when they are written, so that a large network is never in memory twice.</summary>
    /// <param name="name">The key in the file.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="values">Returns the values, last axis fastest.</param>
    public static SafetensorsTensor FromFloats(string name, IReadOnlyList<int> shape, Func<ReadOnlyMemory<float>> values) =>
        new(name, SafetensorsType.F32, shape, stream => stream.Write(MemoryMarshal.AsBytes(values().Span)));

    /// <summary>64-bit integers.</summary>
    /// <param name="name">The key in the file.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="values">The values, last axis fastest.</param>
    public static SafetensorsTensor FromIntegers(string name, IReadOnlyList<int> shape, ReadOnlyMemory<long> values) =>
        new(name, SafetensorsType.I64, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>Bytes.</summary>
    /// <param name="name">The key in the file.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="values">The values, last axis fastest.</param>
    public static SafetensorsTensor FromBytes(string name, IReadOnlyList<int> shape, ReadOnlyMemory<byte> values) =>
        new(name, SafetensorsType.U8, shape, stream => stream.Write(values.Span));

    internal void WriteTo(Stream stream) => _write(stream);
}
