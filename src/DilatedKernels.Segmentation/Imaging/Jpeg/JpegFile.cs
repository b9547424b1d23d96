using System.Buffers.Binary;
using DilatedKernels.Distributed;
using StbImageSharp;

namespace DilatedKernels.Segmentation.Imaging.Jpeg;

/// <summary>
/// Reads JPEG files through StbImageSharp. That decoder fills what is missing from a cut-off file with grey, and takes memory on
/// the header's word, so the segments are walked here first.
/// </summary>
internal static class JpegFile
{
    private const byte StartOfImage = 0xD8;
    private const byte EndOfImage = 0xD9;
    private const byte StartOfScan = 0xDA;

    public static bool HasSignature(ReadOnlySpan<byte> file) => file.StartsWith<byte>([0xFF, StartOfImage, 0xFF]);

    /// <summary>The size in the frame header, after checking that the file has every segment up to its end mark.</summary>
    public static (int Width, int Height) ReadSize(string path, ReadOnlySpan<byte> file)
    {
        (int Width, int Height)? size = null;
        bool scanned = false;
        int offset = 2;
        while (true)
        {
            byte marker = NextMarker(path, file, ref offset);
            if (marker == EndOfImage)
            {
                return size is not null && scanned ? size.Value : throw new ImageFormatException(path, "the JPEG ends before any pixels; the file is damaged.");
            }

            if (IsStandalone(marker))
            {
                continue;
            }

            int length = file.Length - offset >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(file[offset..]) : int.MaxValue;
            if (length > file.Length - offset)
            {
                throw CutOff(path, file);
            }

            if (length < 2)
            {
                throw new ImageFormatException(path, $"the JPEG segment at byte {offset} has an impossible length of {length}; the file is damaged.");
            }

            if (IsFrameHeader(marker))
            {
                size = ParseFrame(path, marker, file.Slice(offset + 2, length - 2), file.Length);
            }

            offset += length;
            if (marker == StartOfScan)
            {
                scanned = true;
                offset = SkipScan(path, file, offset);
            }
        }
    }

    public static RgbImage Decode(string path, byte[] file)
    {
        (int width, int height) = ReadSize(path, file);
        using IDisposable suspension = Watchdog.Suspend();
        ImageResult result;
        try
        {
            result = ImageResult.FromMemory(file, ColorComponents.RedGreenBlue);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new ImageFormatException(path, $"the JPEG cannot be decoded ({e.Message}); the file is damaged or of a kind that is not read. Save it as baseline or progressive JPEG, or as PNG.", e);
        }

        return result.Width == width && result.Height == height
            ? new RgbImage(width, height, result.Data)
            : throw new ImageFormatException(path, $"the JPEG decodes to {result.Width}×{result.Height} pixels, but its header says {width}×{height} (width×height); the file is damaged.");
    }

    private static byte NextMarker(string path, ReadOnlySpan<byte> file, ref int offset)
    {
        if (offset >= file.Length)
        {
            throw CutOff(path, file);
        }

        if (file[offset] != 0xFF)
        {
            throw new ImageFormatException(path, $"there is no JPEG marker at byte {offset}; the file is damaged.");
        }

        // Any number of 0xFF may pad a marker.
        while (offset < file.Length && file[offset] == 0xFF)
        {
            offset++;
        }

        return offset < file.Length ? file[offset++] : throw CutOff(path, file);
    }

    /// <summary>The position of the marker that ends the entropy-coded data; there 0xFF 0x00 is a byte 0xFF and restart markers are data.</summary>
    private static int SkipScan(string path, ReadOnlySpan<byte> file, int offset)
    {
        while (true)
        {
            int next = file[offset..].IndexOf((byte)0xFF);
            if (next < 0 || offset + next + 1 >= file.Length)
            {
                throw CutOff(path, file);
            }

            offset += next;
            byte code = file[offset + 1];
            if (code == 0xFF)
            {
                offset++;
            }
            else if (code == 0 || IsStandalone(code))
            {
                offset += 2;
            }
            else
            {
                return offset;
            }
        }
    }

    private static (int Width, int Height) ParseFrame(string path, byte marker, ReadOnlySpan<byte> data, int fileLength)
    {
        if (marker > 0xC2)
        {
            throw new ImageFormatException(path, "the JPEG is lossless, hierarchical or arithmetic coded; baseline and progressive JPEGs are read. Save it as one of these, or as PNG.");
        }

        if (data.Length < 6 || data[0] != 8)
        {
            throw new ImageFormatException(path, "the JPEG does not have 8 bits a channel, the only depth that is read; save it with 8, or as PNG.");
        }

        int height = BinaryPrimitives.ReadUInt16BigEndian(data[1..]);
        int width = BinaryPrimitives.ReadUInt16BigEndian(data[3..]);
        ImageLimits.CheckSize(path, width, height);
        if ((long)width * height > fileLength * ImageLimits.MaxJpegPixelsPerByte)
        {
            throw new ImageFormatException(path, $"the header promises {width}×{height} pixels (width×height), but {fileLength} bytes cannot hold them; the file is damaged or cut off.");
        }

        return (width, height);
    }

    // 0x01 is temporary, 0xD0 to 0xD7 restart the decoder; none has a length.
    private static bool IsStandalone(byte marker) => marker is 0x01 or (>= 0xD0 and <= 0xD7);

    // 0xC4, 0xC8 and 0xCC, in the same range, are tables and an extension.
    private static bool IsFrameHeader(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    private static ImageFormatException CutOff(string path, ReadOnlySpan<byte> file)
        => new(path, $"the JPEG is cut off: it ends at byte {file.Length} without its end mark.");
}
