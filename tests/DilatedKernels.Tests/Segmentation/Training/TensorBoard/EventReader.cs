using System.Text;

namespace DilatedKernels.Tests.Segmentation.Training.TensorBoard;

/// <summary>Reads event files by the formats' definitions and shares nothing with their writer: frames with both checksums, and protocol buffers field by field.</summary>
internal static class EventReader
{
    public sealed record Event(double WallTime, long Step, string? Version, Dictionary<string, float> Scalars);

    /// <summary>The events of a folder's one file.</summary>
    public static IReadOnlyList<Event> ReadFolder(string folder) => Read(File.ReadAllBytes(Directory.EnumerateFiles(folder).Single()));

    public static IReadOnlyList<Event> Read(byte[] file)
    {
        var events = new List<Event>();
        for (int at = 0; at < file.Length;)
        {
            ulong length = Little(file.AsSpan(at, 8));
            Assert.That(Little(file.AsSpan(at + 8, 4)), Is.EqualTo(Masked(file.AsSpan(at, 8))), "the length's checksum");
            ReadOnlySpan<byte> record = file.AsSpan(at + 12, (int)length);
            Assert.That(Little(file.AsSpan(at + 12 + (int)length, 4)), Is.EqualTo(Masked(record)), "the record's checksum");
            events.Add(ToEvent(record.ToArray()));
            at += 16 + (int)length;
        }

        return events;
    }

    /// <summary>CRC-32C by long division: the message, its first 32 bits inverted, times x^32, modulo x^32 + … + 1 (0x1EDC6F41), least significant bits first.</summary>
    public static uint Crc(ReadOnlySpan<byte> data)
    {
        uint remainder = uint.MaxValue;
        foreach (byte b in data)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                uint top = (remainder >> 31) ^ ((uint)(b >> bit) & 1);
                remainder = (remainder << 1) ^ (top == 1 ? 0x1EDC6F41u : 0);
            }
        }

        uint reversed = 0;
        for (int bit = 0; bit < 32; bit++)
        {
            reversed |= ((remainder >> bit) & 1) << (31 - bit);
        }

        return ~reversed;
    }

    private static ulong Masked(ReadOnlySpan<byte> data) => unchecked(uint.RotateRight(Crc(data), 15) + 0xa282ead8u);

    private static ulong Little(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            value += (ulong)bytes[i] << (8 * i);
        }

        return value;
    }

    private static Event ToEvent(byte[] record)
    {
        double time = double.NaN;
        long step = 0;
        string? version = null;
        var scalars = new Dictionary<string, float>();
        foreach ((int field, object value) in Fields(record))
        {
            switch (field)
            {
                case 1:
                    time = BitConverter.UInt64BitsToDouble((ulong)value);
                    break;
                case 2:
                    step = (long)(ulong)value;
                    break;
                case 3:
                    version = Encoding.UTF8.GetString((byte[])value);
                    break;
                case 5:
                    foreach ((int inner, object entry) in Fields((byte[])value))
                    {
                        Assert.That(inner, Is.EqualTo(1), "a summary has values only");
                        Dictionary<int, object> parts = Fields((byte[])entry).ToDictionary(part => part.Field, part => part.Value);
                        scalars.Add(Encoding.UTF8.GetString((byte[])parts[1]), BitConverter.UInt32BitsToSingle((uint)parts[2]));
                    }

                    break;
                default:
                    Assert.Fail($"An event has no field {field}.");
                    break;
            }
        }

        return new Event(time, step, version, scalars);
    }

    private static List<(int Field, object Value)> Fields(byte[] message)
    {
        var fields = new List<(int, object)>();
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(message, ref at);
            switch (tag & 7)
            {
                case 0:
                    fields.Add(((int)(tag >> 3), Varint(message, ref at)));
                    break;
                case 1:
                    fields.Add(((int)(tag >> 3), Little(message.AsSpan(at, 8))));
                    at += 8;
                    break;
                case 2:
                    int length = (int)Varint(message, ref at);
                    fields.Add(((int)(tag >> 3), message[at..(at + length)]));
                    at += length;
                    break;
                case 5:
                    fields.Add(((int)(tag >> 3), (uint)Little(message.AsSpan(at, 4))));
                    at += 4;
                    break;
                default:
                    Assert.Fail($"There is no wire type {tag & 7}.");
                    break;
            }
        }

        return fields;
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = message[at++];
            value |= (ulong)(b & 127) << shift;
            if (b < 128)
            {
                return value;
            }
        }
    }
}
