using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>Class indices <c>[N, H, W]</c> on a device, one byte each: 0 to 254 are classes, and one value may be set aside as void.</summary>
public sealed class LabelMap : IDisposable
{
    private readonly int[] _histogram;
    private DeviceBuffer? _buffer;

    private LabelMap(Device device, int batch, int height, int width, DeviceBuffer buffer, int[] histogram)
    {
        _histogram = histogram;
        Device = device;
        (Batch, Height, Width) = (batch, height, width);
        _buffer = buffer;
    }

    /// <summary>Where the labels are.</summary>
    public Device Device { get; }

    /// <summary>The number of maps, N.</summary>
    public int Batch { get; }

    /// <summary>Rows, H.</summary>
    public int Height { get; }

    /// <summary>Columns, W.</summary>
    public int Width { get; }

    internal DeviceBuffer Buffer => _buffer ?? throw new ObjectDisposedException(nameof(LabelMap));

    /// <summary>Copies labels in the order N, H, W.</summary>
    /// <param name="device">Where to put them.</param>
    /// <param name="batch">N, 0 or more.</param>
    /// <param name="height">H, 0 or more.</param>
    /// <param name="width">W, 0 or more.</param>
    /// <param name="labels">Exactly N·H·W class indices.</param>
    /// <exception cref="ArgumentException">The number of labels is not N·H·W.</exception>
    public static LabelMap FromArray(Device device, int batch, int height, int width, ReadOnlySpan<byte> labels)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (batch < 0 || height < 0 || width < 0 || (long)batch * height * width != labels.Length)
        {
            throw new ArgumentException($"A label map [{batch}, {height}, {width}] needs {(long)batch * height * width} labels, but {labels.Length} were given.", nameof(labels));
        }

        DeviceBuffer buffer = device.Backend.Allocate(labels.Length);
        device.Backend.Upload(labels, buffer);
        return new LabelMap(device, batch, height, width, buffer, Histogram(labels));
    }

    /// <summary>How many positions carry a label.</summary>
    /// <param name="label">0 to 255.</param>
    public int CountOf(byte label) => _histogram[label];

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Interlocked.Exchange(ref _buffer, null)?.Dispose();

    /// <summary>The first position, in the order N, H, W, that carries <paramref name="label"/>. Reads the labels back from the device.</summary>
    internal (int N, int Y, int X) FirstPositionOf(byte label)
    {
        byte[] labels = new byte[Batch * Height * Width];
        Device.Backend.Download(Buffer, labels);
        int index = Array.IndexOf(labels, label);
        return (index / (Height * Width), index / Width % Height, index % Width);
    }

    // Four tables, so that a run of one label does not wait for its own count.
    private static int[] Histogram(ReadOnlySpan<byte> labels)
    {
        Span<int> counts = stackalloc int[4 * 256];
        counts.Clear();
        for (int i = 0; i < labels.Length; i++)
        {
            counts[((i & 3) << 8) | labels[i]]++;
        }

        int[] histogram = new int[256];
        for (int label = 0; label < 256; label++)
        {
            histogram[label] = counts[label] + counts[256 + label] + counts[512 + label] + counts[768 + label];
        }

        return histogram;
    }
}
