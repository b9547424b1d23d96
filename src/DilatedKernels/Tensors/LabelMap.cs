using System.Collections.Concurrent;
using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>Class indices <c>[N, H, W]</c> on a device, one byte each: 0 to 254 are classes, and one value may be set aside as void.</summary>
public sealed class LabelMap : IDisposable
{
    /// <summary>How many labels there are, 0 to 255.</summary>
    internal const int Labels = 256;

    // Threads that compare scores with one map write this although they only read the map.
    private readonly ConcurrentDictionary<(int Classes, int IgnoreLabel), bool> _uses = [];
    private int[] _histogram;
    private DeviceBuffer? _buffer;

    private LabelMap(Device device, int batch, int height, int width, DeviceBuffer buffer, int[] histogram)
    {
        _histogram = histogram;
        Device = device;
        (Batch, Height, Width) = (batch, height, width);
        _buffer = buffer;
        Step = new StepLabels([this]);
    }

    /// <summary>Where the labels are.</summary>
    public Device Device { get; }

    /// <summary>The number of maps, N.</summary>
    public int Batch { get; }

    /// <summary>Rows, H.</summary>
    public int Height { get; }

    /// <summary>Columns, W.</summary>
    public int Width { get; }

    /// <summary>The labels of a step that is computed in parts, this map among them; this map alone otherwise.</summary>
    internal StepLabels Step { get; private set; }

    /// <summary>How often the labels have been overwritten.</summary>
    internal int Version { get; private set; }

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
        CheckCount(batch, height, width, labels);

        DeviceBuffer buffer = device.Backend.Allocate(labels.Length);
        try
        {
            device.Backend.Upload(labels, buffer);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }

        return new LabelMap(device, batch, height, width, buffer, Histogram(labels));
    }

    /// <summary>How many positions carry a label.</summary>
    /// <param name="label">0 to 255.</param>
    public int CountOf(byte label) => _histogram[label];

    /// <summary>Overwrites the labels with ones in the order N, H, W.</summary>
    /// <param name="labels">Exactly N·H·W class indices.</param>
    /// <exception cref="ArgumentException">The number of labels is not N·H·W.</exception>
    /// <exception cref="ObjectDisposedException">The memory has been given back.</exception>
    public void SetArray(ReadOnlySpan<byte> labels)
    {
        CheckCount(Batch, Height, Width, labels);
        Version++;
        Device.Backend.Upload(labels, Buffer);
        _histogram = Histogram(labels);
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Interlocked.Exchange(ref _buffer, null)?.Dispose();

    /// <summary>Makes maps parts of one step: a mean over valid positions is then one over those of all parts, and the parts' losses add up to the step's.</summary>
    /// <param name="maps">The parts of this process.</param>
    /// <param name="count">The parts of all processes.</param>
    internal static StepLabels Join(IReadOnlyList<LabelMap> maps, int count)
    {
        var step = new StepLabels(maps, count);
        foreach (LabelMap map in maps)
        {
            map.Step = step;
        }

        return step;
    }

    /// <summary>Refuses labels that are neither a class nor the one that is ignored.</summary>
    internal void CheckClasses(int classes, int ignoreLabel)
    {
        _uses.TryAdd((classes, ignoreLabel), true);
        Check(classes, ignoreLabel);
    }

    /// <summary>Checks labels that have been overwritten as those before them were, for a recorded step, in which nobody checks them.</summary>
    internal void CheckClassesAgain()
    {
        foreach ((int classes, int ignoreLabel) in _uses.Keys)
        {
            Check(classes, ignoreLabel);
        }
    }

    private void Check(int classes, int ignoreLabel)
    {
        for (int label = classes; label <= byte.MaxValue; label++)
        {
            if (label != ignoreLabel && CountOf((byte)label) is > 0 and int found)
            {
                (int n, int y, int x) = FirstPositionOf((byte)label);
                throw new ArgumentException(
                    $"The label {label} at row {y}, column {x} of image {n} (and {found - 1} more) is not a class: the scores have classes 0 to {classes - 1}, and the void label is {ignoreLabel}.");
            }
        }
    }

    // The first position, in the order N, H, W, that carries a label. Reads the labels back from the device.
    private (int N, int Y, int X) FirstPositionOf(byte label)
    {
        byte[] labels = new byte[Batch * Height * Width];
        Device.Backend.Download(Buffer, labels);
        int index = Array.IndexOf(labels, label);
        return (index / (Height * Width), index / Width % Height, index % Width);
    }

    private static void CheckCount(int batch, int height, int width, ReadOnlySpan<byte> labels)
    {
        if (batch < 0 || height < 0 || width < 0 || (long)batch * height * width != labels.Length)
        {
            throw new ArgumentException($"A label map [{batch}, {height}, {width}] needs {(long)batch * height * width} labels, but {labels.Length} were given.", nameof(labels));
        }
    }

    // Four tables, so that a run of one label does not wait for its own count.
    private static int[] Histogram(ReadOnlySpan<byte> labels)
    {
        Span<int> counts = stackalloc int[4 * Labels];
        counts.Clear();
        for (int i = 0; i < labels.Length; i++)
        {
            counts[((i & 3) << 8) | labels[i]]++;
        }

        int[] histogram = new int[Labels];
        for (int label = 0; label < Labels; label++)
        {
            histogram[label] = counts[label] + counts[Labels + label] + counts[(2 * Labels) + label] + counts[(3 * Labels) + label];
        }

        return histogram;
    }
}
