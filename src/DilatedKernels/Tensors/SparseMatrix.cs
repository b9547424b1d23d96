using System.Runtime.InteropServices;
using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>
/// A matrix of few elements on a device, row after row, for <see cref="Ops.SparseProduct"/>. It belongs to its maker; its elements are constants, to which
/// no gradient flows.
/// </summary>
public sealed class SparseMatrix : IDisposable
{
    // Summed in one run, the rounding errors of a row of a million would add up to more than 1e-5, and on a GPU one thread would be left with it.
    private const int Run = 256;

    private readonly DeviceBuffer _firstOf;
    private readonly DeviceBuffer _entries;
    private readonly int _runs;

    // A · x = sums · (runs of A · x): where a row is longer than a run, the rows in memory are runs, and this adds those of a row up.
    private readonly SparseMatrix? _sums;
    private SparseMatrix? _transpose;

    private SparseMatrix(Device device, int columns, ReadOnlySpan<int> firstOf, ReadOnlySpan<SparseEntry> entries)
    {
        (Device, Rows, Columns, Entries) = (device, firstOf.Length - 1, columns, entries.Length);
        if (LongestOf(firstOf) <= Run)
        {
            _runs = Rows;
            _firstOf = Upload(device, firstOf);
        }
        else
        {
            (int[] firstOfRun, int[] runOf) = Cut(firstOf);
            _runs = firstOfRun.Length - 1;
            _firstOf = Upload<int>(device, firstOfRun);
            _sums = new SparseMatrix(device, _runs, runOf, [.. Enumerable.Range(0, _runs).Select(run => new SparseEntry(run, 1))]);
        }

        _entries = Upload(device, entries);
    }

    /// <summary>Where it is.</summary>
    public Device Device { get; }

    /// <summary>The number of rows.</summary>
    public int Rows { get; }

    /// <summary>The number of columns.</summary>
    public int Columns { get; }

    /// <summary>The number of elements that are stored.</summary>
    public int Entries { get; }

    /// <summary>Copies a matrix to a device.</summary>
    /// <param name="device">Where to put it.</param>
    /// <param name="columns">The number of columns, 0 or more.</param>
    /// <param name="firstOf">One number a row and one more: row i has the entries from <c>firstOf[i]</c> to before <c>firstOf[i + 1]</c>. Rows may be empty.</param>
    /// <param name="entries">The elements, row after row. Products add in their order, in runs of 256; a column that comes twice in a row counts twice.</param>
    /// <exception cref="ArgumentException">The rows do not go through all entries from first to last, or an entry's column does not exist.</exception>
    public static SparseMatrix FromRows(Device device, int columns, ReadOnlySpan<int> firstOf, ReadOnlySpan<SparseEntry> entries)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        if (firstOf.IsEmpty || firstOf[0] != 0 || firstOf[^1] != entries.Length)
        {
            throw new ArgumentException($"The rows of a sparse matrix start at 0 and end at the number of its entries, {entries.Length}; these {(firstOf.IsEmpty ? "are none" : $"go from {firstOf[0]} to {firstOf[^1]}")}.", nameof(firstOf));
        }

        for (int row = 1; row < firstOf.Length; row++)
        {
            if (firstOf[row] < firstOf[row - 1])
            {
                throw new ArgumentException($"Row {row - 1} of a sparse matrix ends at entry {firstOf[row]}, before it starts at {firstOf[row - 1]}.", nameof(firstOf));
            }
        }

        for (int i = 0; i < entries.Length; i++)
        {
            if ((uint)entries[i].Column >= (uint)columns)
            {
                throw new ArgumentException($"Entry {i} of a sparse matrix is in column {entries[i].Column}; there are {columns}, numbered from 0.", nameof(entries));
            }
        }

        return new SparseMatrix(device, columns, firstOf, entries);
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        _firstOf.Dispose();
        _entries.Dispose();
        _sums?.Dispose();
        _transpose?.Dispose();
    }

    /// <summary>The transpose, made when a gradient first needs it and kept. Its elements are read back for that.</summary>
    internal SparseMatrix Transpose()
    {
        ObjectDisposedException.ThrowIf(_entries.IsDisposed, this);
        return _transpose ??= CreateTranspose();
    }

    /// <summary><c>y = addend + scale · A · x</c> on float32 buffers; y may be the addend.</summary>
    internal void Multiply(int batch, int channels, DeviceBuffer x, DeviceBuffer? addend, float scale, DeviceBuffer y)
    {
        ObjectDisposedException.ThrowIf(_entries.IsDisposed, this);
        Backend backend = Device.Backend;
        var geometry = new SparseGeometry(batch, channels, _runs, Columns);
        if (_sums is null)
        {
            backend.SparseProduct(geometry, _firstOf, _entries, x, addend, scale, y);
            return;
        }

        using DeviceBuffer runs = backend.Allocate(geometry.OutShape.Count, ElementType.Float32);
        backend.SparseProduct(geometry, _firstOf, _entries, x, addend: null, scale: 1, runs);
        _sums.Multiply(batch, channels, runs, addend, scale, y);
    }

    private static int LongestOf(ReadOnlySpan<int> firstOf)
    {
        int longest = 0;
        for (int row = 1; row < firstOf.Length; row++)
        {
            longest = Math.Max(longest, firstOf[row] - firstOf[row - 1]);
        }

        return longest;
    }

    /// <summary>Cuts rows into runs: where each run starts among the entries, and where each row starts among the runs.</summary>
    private static (int[] FirstOfRun, int[] RunOf) Cut(ReadOnlySpan<int> firstOf)
    {
        var starts = new List<int>();
        int[] runOf = new int[firstOf.Length];
        for (int row = 0; row + 1 < firstOf.Length; row++)
        {
            for (long start = firstOf[row]; start < firstOf[row + 1]; start += Run)
            {
                starts.Add((int)start);
            }

            runOf[row + 1] = starts.Count;
        }

        return ([.. starts, firstOf[^1]], runOf);
    }

    private static DeviceBuffer Upload<T>(Device device, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        DeviceBuffer buffer = device.Backend.Allocate(bytes.Length);
        device.Backend.Upload(bytes, buffer);
        return buffer;
    }

    private SparseMatrix CreateTranspose()
    {
        int[] firstOf = FirstOf();
        var entries = new SparseEntry[Entries];
        Device.Backend.Download(_entries, MemoryMarshal.AsBytes(entries.AsSpan()));
        int[] next = new int[Columns + 1];
        foreach (SparseEntry entry in entries)
        {
            next[entry.Column + 1]++;
        }

        for (int column = 0; column < Columns; column++)
        {
            next[column + 1] += next[column];
        }

        int[] firstOfColumn = [.. next];
        var transposed = new SparseEntry[Entries];
        for (int row = 0; row < Rows; row++)
        {
            for (int k = firstOf[row]; k < firstOf[row + 1]; k++)
            {
                transposed[next[entries[k].Column]++] = new SparseEntry(row, entries[k].Weight);
            }
        }

        return new SparseMatrix(Device, Rows, firstOfColumn, transposed);
    }

    /// <summary>Where each row starts among the entries.</summary>
    private int[] FirstOf()
    {
        int[] firstOf = new int[_runs + 1];
        Device.Backend.Download(_firstOf, MemoryMarshal.AsBytes(firstOf.AsSpan()));
        return _sums is null ? firstOf : Array.ConvertAll(_sums.FirstOf(), run => firstOf[run]);
    }
}
