using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DilatedKernels.Distributed;
using Microsoft.Win32.SafeHandles;

namespace DilatedKernels.Serialization;

/// <summary>
/// An open safetensors file. Opening reads and checks the header alone; arrays are read when asked for. A header
/// is refused before memory is taken for what it claims.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly SafetensorsHeader _header;
    private readonly long _dataStart;

    private SafetensorsFile(string path, SafeFileHandle handle, SafetensorsHeader header, long dataStart)
    {
        FilePath = path;
        (_handle, _header, _dataStart) = (handle, header, dataStart);
        var metadata = new Dictionary<string, string>(header.Metadata, StringComparer.Ordinal);
        metadata.Remove(SafetensorsChecksum.Key);
        Metadata = metadata;
        Names = [.. header.Entries.OrderBy(pair => pair.Value.Offset).Select(pair => pair.Key)];
    }

    /// <summary>The file.</summary>
    public string FilePath { get; }

    /// <summary>The arrays' names in the order of their data.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Text by key, without the file's own checksum; empty where the file has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SafetensorsException">The file is no safetensors file, or a damaged one; the message says in what way.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using Watchdog.Scope suspension = Watchdog.EnterSuspension();
        RefuseWhatHasNoSize(path);
        SafeFileHandle handle = File.OpenHandle(path);
        try
        {
            long fileLength = RandomAccess.GetLength(handle);
            Span<byte> prefix = stackalloc byte[sizeof(long)];
            if (fileLength < prefix.Length)
            {
                throw new SafetensorsException(path, $"the file has {fileLength} bytes; a safetensors file has at least {prefix.Length}.");
            }

            ReadFully(path, handle, prefix, 0);
            ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
            ulong allowed = (ulong)Math.Min(fileLength - prefix.Length, SafetensorsHeader.MaximumLength);
            if (headerLength > allowed)
            {
                throw new SafetensorsException(
                    path, $"the header claims {headerLength} bytes, but at most {allowed} are possible; this is no safetensors file, or it was cut off.");
            }

            byte[] json = new byte[headerLength];
            ReadFully(path, handle, json, prefix.Length);
            long dataStart = prefix.Length + json.Length;
            return new SafetensorsFile(path, handle, SafetensorsHeader.Parse(path, json, fileLength - dataStart), dataStart);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    // To open a pipe is to wait until somebody writes into it.
    private static void RefuseWhatHasNoSize(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            // A folder, nothing, or what may not be looked at: opening it says which.
            return;
        }

        file = new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
        if (file.Exists && file.Length == 0)
        {
            throw new SafetensorsException(path, $"the file has 0 bytes, or it is a pipe or a device; a safetensors file has at least {sizeof(long)} bytes.");
        }
    }

    /// <summary>
    /// Reads the whole file and compares it with the SHA-256 in its metadata, which every file that this library writes has. A file without one passes.
    /// </summary>
    /// <exception cref="SafetensorsException">The file is not the one that was written.</exception>
    public void Verify()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (!_header.Metadata.TryGetValue(SafetensorsChecksum.Key, out string? expected))
        {
            return;
        }

        long length = RandomAccess.GetLength(_handle);
        byte[] buffer = new byte[Math.Max(_dataStart, Math.Min(length, 1 << 20))];
        Span<byte> header = buffer.AsSpan(0, (int)_dataStart);
        ReadFully(FilePath, _handle, header, 0);
        header[SafetensorsChecksum.Digits(header)].Fill((byte)'0');
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(header);
        for (long at = _dataStart; at < length;)
        {
            Span<byte> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at));
            ReadFully(FilePath, _handle, part, at);
            hash.AppendData(part);
            at += part.Length;
        }

        string actual = System.Convert.ToHexStringLower(hash.GetHashAndReset());
        if (actual != expected)
        {
            throw new SafetensorsException(FilePath, $"the file is damaged: its SHA-256 is {actual[..12]}…, and {expected[..Math.Min(12, expected.Length)]}… was written into it. A program that writes other arrays with these metadata leaves '{SafetensorsChecksum.Key}' out.");
        }
    }

    /// <summary>Whether the file has an array of this name.</summary>
    /// <param name="name">The name.</param>
    public bool Contains(string name) => _header.Entries.ContainsKey(name);

    /// <summary>An array's element type.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SafetensorsException">The file has no such array.</exception>
    public SafetensorsType TypeOf(string name) => Entry(name).Type;

    /// <summary>An array's extents.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SafetensorsException">The file has no such array.</exception>
    public IReadOnlyList<int> ShapeOf(string name) => Entry(name).Shape;

    /// <summary>Reads a floating-point array; F64 is rounded to float32, F16 and BF16 convert exactly.</summary>
    /// <param name="name">The name.</param>
    /// <returns>The extents, and the values with the last axis fastest.</returns>
    /// <exception cref="SafetensorsException">The file has no such array, or one of integers.</exception>
    public (int[] Shape, float[] Values) Read(string name)
    {
        SafetensorsEntry entry = Entry(name);
        int count = Count(name, entry);
        float[] values = new float[entry.Type is SafetensorsType.U8 or SafetensorsType.I64 ? 0 : count];
        switch (entry.Type)
        {
            case SafetensorsType.F32:
                ReadData(entry, MemoryMarshal.AsBytes(values.AsSpan()));
                break;
            case SafetensorsType.F64:
                Convert<double>(entry, values, value => (float)value);
                break;
            case SafetensorsType.F16:
                Convert<Half>(entry, values, value => (float)value);
                break;
            case SafetensorsType.BF16:
                Convert<ushort>(entry, values, bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));
                break;
            default:
                throw new SafetensorsException(FilePath, $"'{name}' holds {entry.Type}; floating-point values were asked for.");
        }

        return ([.. entry.Shape], values);
    }

    /// <summary>Reads an array of bytes.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SafetensorsException">The file has no such array, or one of another type.</exception>
    public (int[] Shape, byte[] Values) ReadUInt8(string name) => ReadExactly<byte>(name, SafetensorsType.U8);

    /// <summary>Reads an array of 64-bit integers.</summary>
    /// <param name="name">The name.</param>
    /// <exception cref="SafetensorsException">The file has no such array, or one of another type.</exception>
    public (int[] Shape, long[] Values) ReadInt64(string name) => ReadExactly<long>(name, SafetensorsType.I64);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    private static void ReadFully(string path, SafeFileHandle handle, Span<byte> target, long offset)
    {
        while (target.Length > 0)
        {
            using Watchdog.Scope suspension = Watchdog.EnterSuspension();
            int read = RandomAccess.Read(handle, target, offset);
            if (read == 0)
            {
                throw new SafetensorsException(path, $"the file ends at byte {offset}; it has become shorter since it was opened.");
            }

            target = target[read..];
            offset += read;
        }
    }

    private (int[] Shape, T[] Values) ReadExactly<T>(string name, SafetensorsType type)
        where T : unmanaged
    {
        SafetensorsEntry entry = Entry(name);
        if (entry.Type != type)
        {
            throw new SafetensorsException(FilePath, $"'{name}' holds {entry.Type}; {type} was asked for.");
        }

        T[] values = new T[Count(name, entry)];
        ReadData(entry, MemoryMarshal.AsBytes(values.AsSpan()));
        return ([.. entry.Shape], values);
    }

    private void Convert<T>(SafetensorsEntry entry, float[] values, Func<T, float> convert)
        where T : unmanaged
    {
        var source = new T[values.Length];
        ReadData(entry, MemoryMarshal.AsBytes(source.AsSpan()));
        for (int i = 0; i < source.Length; i++)
        {
            values[i] = convert(source[i]);
        }
    }

    private void ReadData(SafetensorsEntry entry, Span<byte> target)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        ReadFully(FilePath, _handle, target, _dataStart + entry.Offset);
    }

    private int Count(string name, SafetensorsEntry entry)
    {
        if (entry.Bytes > int.MaxValue)
        {
            throw new SafetensorsException(FilePath, $"'{name}' has {entry.Bytes} bytes; arrays up to {int.MaxValue} bytes can be read.");
        }

        return (int)(entry.Bytes / entry.Type.Size());
    }

    private SafetensorsEntry Entry(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _header.Entries.TryGetValue(name, out SafetensorsEntry? entry)
            ? entry
            : throw new SafetensorsException(FilePath, $"there is no array '{name}'.");
    }
}
