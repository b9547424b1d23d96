using System.Runtime.InteropServices;
using Google.Protobuf;

namespace DilatedKernels.Segmentation.Export.Onnx;

/// <summary>A protocol-buffer message to be written. Large values are fetched only when their turn comes, so a network is never in memory twice.</summary>
internal sealed class ProtoMessage
{
    private readonly List<Action<CodedOutputStream, Stream>> _fields = [];

    /// <summary>Bytes without the message's own tag and length.</summary>
    public long Length { get; private set; }

    public ProtoMessage Number(int field, long value) => Add(
        CodedOutputStream.ComputeTagSize(field) + CodedOutputStream.ComputeInt64Size(value),
        (output, _) =>
        {
            output.WriteTag(field, WireFormat.WireType.Varint);
            output.WriteInt64(value);
        });

    public ProtoMessage Text(int field, string value) => Add(
        CodedOutputStream.ComputeTagSize(field) + CodedOutputStream.ComputeStringSize(value),
        (output, _) =>
        {
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteString(value);
        });

    /// <summary>A message within this one, which must be complete.</summary>
    public ProtoMessage Message(int field, ProtoMessage value) => Delimited(field, value.Length, value.WriteFields);

    /// <summary>Numbers as bytes, little-endian, fetched when they are written.</summary>
    public ProtoMessage Numbers<T>(int field, long count, Func<ReadOnlyMemory<T>> values)
        where T : unmanaged => Delimited(field, count * Marshal.SizeOf<T>(), (output, stream) =>
        {
            // Past the output's own small buffer, which would cut them into pieces.
            output.Flush();
            stream.Write(MemoryMarshal.AsBytes(values().Span));
        });

    public void WriteTo(Stream stream)
    {
        using var output = new CodedOutputStream(stream, leaveOpen: true);
        WriteFields(output, stream);
    }

    private void WriteFields(CodedOutputStream output, Stream stream)
    {
        foreach (Action<CodedOutputStream, Stream> write in _fields)
        {
            write(output, stream);
        }
    }

    private ProtoMessage Delimited(int field, long length, Action<CodedOutputStream, Stream> write)
    {
        if (length > int.MaxValue)
        {
            throw new UserInputException($"The network takes {length} bytes; a file of this format holds at most {int.MaxValue}.");
        }

        return Add(CodedOutputStream.ComputeTagSize(field) + CodedOutputStream.ComputeLengthSize((int)length) + length, (output, stream) =>
        {
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteLength((int)length);
            write(output, stream);
        });
    }

    private ProtoMessage Add(long length, Action<CodedOutputStream, Stream> write)
    {
        Length += length;
        _fields.Add(write);
        return this;
    }
}
