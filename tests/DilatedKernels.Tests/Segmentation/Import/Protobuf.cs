using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace DilatedKernels.Tests.Segmentation.Import;

/// <summary>Writes protocol buffers from the description of the wire format, apart from the library that reads them.</summary>
internal sealed class Protobuf
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int Delimited = 2;
    private const int Fixed32 = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    public Protobuf Number(int field, long value) => Tag(field, Varint).Raw(value);

    public Protobuf Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public Protobuf Message(int field, Protobuf value) => Bytes(field, value._bytes.WrittenSpan);

    public Protobuf Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, Delimited).Raw(value.Length);
        _bytes.Write(value);
        return this;
    }

    /// <summary>A tag and a length, whatever follows.</summary>
    public Protobuf Claim(int field, long length) => Tag(field, Delimited).Raw(length);

    public Protobuf Single(int field, float value)
    {
        Tag(field, Fixed32);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        _bytes.Write(bytes);
        return this;
    }

    public Protobuf Double(int field, double value)
    {
        Tag(field, Fixed64);
        Span<byte> bytes = stackalloc byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>A packed list of whole numbers.</summary>
    public Protobuf Packed(int field, IEnumerable<int> values)
    {
        var list = new Protobuf();
        foreach (int value in values)
        {
            list.Raw(value);
        }

        return Message(field, list);
    }

    private Protobuf Tag(int field, int type) => Raw(((long)field << 3) | (long)type);

    private Protobuf Raw(long number)
    {
        ulong value = (ulong)number;
        for (; value > 127; value >>= 7)
        {
            _bytes.Write([(byte)(value | 128)]);
        }

        _bytes.Write([(byte)value]);
        return this;
    }
}
