using System.Buffers.Binary;
using System.Text;

namespace DilatedKernels.Segmentation.Training.TensorBoard;

/// <summary>The protocol buffers of an event file, written by hand: of <c>Event</c> and <c>Summary</c> only what scalars need.</summary>
internal static class EventRecord
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int Delimited = 2;
    private const int Fixed32 = 5;

    // Event: double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5.
    public static byte[] Version(DateTimeOffset time)
    {
        var message = new MemoryStream();
        Double(message, 1, Unix(time));
        Bytes(message, 3, "brain.Event:2"u8);
        return message.ToArray();
    }

    public static byte[] Scalars(EventRow row)
    {
        var summary = new MemoryStream();
        Scalar(summary, "loss", row.Loss);
        Scalar(summary, "learning_rate", row.LearningRate);
        if (row.MeanIoU is { } meanIoU)
        {
            Scalar(summary, "mean_iou", meanIoU);
        }

        var message = new MemoryStream();
        Double(message, 1, Unix(row.Time));
        Tag(message, 2, Varint);
        Number(message, (ulong)row.Step);
        Bytes(message, 5, summary.GetBuffer().AsSpan(0, (int)summary.Length));
        return message.ToArray();
    }

    // Summary: repeated Value value = 1. Value: string tag = 1; float simple_value = 2.
    private static void Scalar(MemoryStream summary, string tag, float value)
    {
        var entry = new MemoryStream();
        Bytes(entry, 1, Encoding.UTF8.GetBytes(tag));
        Tag(entry, 2, Fixed32);
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(word, value);
        entry.Write(word);
        Bytes(summary, 1, entry.GetBuffer().AsSpan(0, (int)entry.Length));
    }

    private static double Unix(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).TotalSeconds;

    private static void Tag(MemoryStream message, int field, int type) => Number(message, (ulong)((field << 3) | type));

    private static void Number(MemoryStream message, ulong value)
    {
        for (; value >= 128; value >>= 7)
        {
            message.WriteByte((byte)(value | 128));
        }

        message.WriteByte((byte)value);
    }

    private static void Double(MemoryStream message, int field, double value)
    {
        Tag(message, field, Fixed64);
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteDoubleLittleEndian(word, value);
        message.Write(word);
    }

    private static void Bytes(MemoryStream message, int field, ReadOnlySpan<byte> value)
    {
        Tag(message, field, Delimited);
        Number(message, (ulong)value.Length);
        message.Write(value);
    }
}
