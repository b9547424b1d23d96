using System.Buffers.Binary;
using System.Globalization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Training.TensorBoard;

/// <summary>
/// A TensorBoard event file. TFRecord frames: length (8 bytes, little-endian), masked CRC-32C of the length, the record, masked CRC-32C of the record.
/// </summary>
internal sealed class EventFile : IDisposable
{
    private const string Prefix = "events.out.tfevents.";
    private const string Ending = ".dilated";
    private readonly FileStream _file;

    private EventFile(FileStream file) => _file = file;

    /// <summary>
    /// Begins a file with the steps that are kept and deletes those before it. Its name is a later one, by which a TensorBoard that is watching finds it.
    /// </summary>
    /// <param name="folder">The folder, made if it is not there.</param>
    /// <param name="now">The time.</param>
    /// <param name="kept">The steps of the run so far.</param>
    public static EventFile Replace(string folder, DateTimeOffset now, IEnumerable<EventRow> kept)
    {
        Directory.CreateDirectory(folder);
        string[] before = [.. Directory.EnumerateFiles(folder, $"{Prefix}*{Ending}").Order(StringComparer.Ordinal)];
        long second = Math.Max(now.ToUnixTimeSeconds(), before.Length == 0 ? 0 : SecondOf(before[^1]) + 1);
        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{second:D10}{Ending}"));
        AtomicFile.Write(path, stream =>
        {
            WriteFrame(stream, EventRecord.Version(now));
            foreach (EventRow row in kept)
            {
                WriteFrame(stream, EventRecord.Scalars(row));
            }
        });
        foreach (string file in before)
        {
            File.Delete(file);
        }

        return new EventFile(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read));
    }

    /// <summary>Whether a file of that name is an event file of ours, or the beginning of one.</summary>
    public static bool IsOwn(string name) => name.StartsWith(Prefix, StringComparison.Ordinal) && name.Contains(Ending, StringComparison.Ordinal);

    public void Add(EventRow row)
    {
        // In one piece: a reader that comes in between sees the step or does not.
        var frame = new MemoryStream();
        WriteFrame(frame, EventRecord.Scalars(row));
        _file.Write(frame.GetBuffer(), 0, (int)frame.Length);
        _file.Flush();
    }

    public void Dispose() => _file.Dispose();

    private static long SecondOf(string path)
    {
        string name = Path.GetFileName(path);
        return long.TryParse(name.AsSpan(Prefix.Length, name.Length - Prefix.Length - Ending.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long second) ? second : 0;
    }

    private static void WriteFrame(Stream stream, byte[] record)
    {
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteInt64LittleEndian(head, record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], Crc32C.Masked(head[..8]));
        stream.Write(head);
        stream.Write(record);
        BinaryPrimitives.WriteUInt32LittleEndian(head, Crc32C.Masked(record));
        stream.Write(head[..4]);
    }
}
