using System.Buffers.Binary;
using System.Text;

namespace DilatedKernels.Segmentation.Imaging.Png;

/// <summary>
/// A PNG taken apart into header, palette and compressed pixels, with every chunk's length, order and CRC checked.
/// <see cref="PngDecoder"/> turns it into samples.
/// </summary>
internal sealed class PngFile
{
    /// <summary>Length, type and CRC around a chunk's data.</summary>
    private const int ChunkOverhead = 12;

    private readonly List<ReadOnlyMemory<byte>> _imageData = [];

    private PngFile(string path, PngHeader header) => (Path, Header) = (path, header);

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public string Path { get; }

    public PngHeader Header { get; }

    /// <summary>R, G, B of each palette entry; empty without a palette.</summary>
    public ReadOnlyMemory<byte> Palette { get; private set; }

    /// <summary>The data of the IDAT chunks in order: together one zlib stream.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> ImageData => _imageData;

    public static bool HasSignature(ReadOnlySpan<byte> file) => file.StartsWith(Signature);

    public static PngFile Parse(string path, ReadOnlyMemory<byte> file)
    {
        if (!HasSignature(file.Span))
        {
            throw new ImageFormatException(path, "the file does not start with a PNG signature.");
        }

        int offset = Signature.Length;
        (string type, ReadOnlyMemory<byte> data) = ReadChunk(path, file, ref offset);
        if (type != "IHDR")
        {
            throw new ImageFormatException(path, $"the first PNG chunk is {type} instead of IHDR; the file is damaged.");
        }

        PngFile png = new(path, PngHeader.Parse(path, data.Span));
        bool imageDataEnded = false;
        while (true)
        {
            (type, data) = ReadChunk(path, file, ref offset);
            imageDataEnded |= type != "IDAT" && png._imageData.Count > 0;
            switch (type)
            {
                case "IDAT" when imageDataEnded:
                    throw new ImageFormatException(path, "other PNG chunks lie between the IDAT chunks, which must follow each other; the file is damaged.");
                case "IDAT":
                    png._imageData.Add(data);
                    break;
                case "PLTE":
                    png.SetPalette(data);
                    break;
                case "IEND":
                    png.CheckComplete();
                    return png;
                case var critical when char.IsAsciiLetterUpper(critical[0]):
                    throw new ImageFormatException(path, $"the PNG chunk {type} is marked as needed for reading, but this reader does not know it; save the image as a plain PNG.");
            }
        }
    }

    private static (string Type, ReadOnlyMemory<byte> Data) ReadChunk(string path, ReadOnlyMemory<byte> file, ref int offset)
    {
        int left = file.Length - offset;
        if (left < ChunkOverhead)
        {
            throw new ImageFormatException(path, $"the PNG is cut off: it ends at byte {file.Length} without its IEND chunk.");
        }

        ReadOnlySpan<byte> span = file.Span[offset..];
        uint length = BinaryPrimitives.ReadUInt32BigEndian(span);
        ReadOnlySpan<byte> name = span.Slice(4, 4);
        foreach (byte letter in name)
        {
            if (!char.IsAsciiLetter((char)letter))
            {
                throw new ImageFormatException(path, $"there is no valid PNG chunk at byte {offset}; the file is damaged.");
            }
        }

        string type = Encoding.ASCII.GetString(name);
        if (length > left - ChunkOverhead)
        {
            throw new ImageFormatException(path, $"the PNG is cut off: its {type} chunk at byte {offset} has {length} bytes of data, but only {left - ChunkOverhead} follow.");
        }

        uint stored = BinaryPrimitives.ReadUInt32BigEndian(span[(8 + (int)length)..]);
        if (Crc32.Compute(span.Slice(4, 4 + (int)length)) != stored)
        {
            throw new ImageFormatException(path, $"the checksum of the PNG's {type} chunk at byte {offset} does not match its data; the file is damaged.");
        }

        ReadOnlyMemory<byte> data = file.Slice(offset + 8, (int)length);
        offset += ChunkOverhead + (int)length;
        return (type, data);
    }

    private void SetPalette(ReadOnlyMemory<byte> data)
    {
        bool allowed = Header.Color is PngColor.Indexed or PngColor.Rgb or PngColor.RgbAlpha;
        int most = Header.Color == PngColor.Indexed ? 1 << Header.BitDepth : 256;
        if (!allowed || !Palette.IsEmpty || _imageData.Count > 0 || data.Length % 3 != 0 || data.Length / 3 < 1 || data.Length / 3 > most)
        {
            throw new ImageFormatException(Path, $"the PNG's palette ({data.Length} bytes, colour type {(int)Header.Color}, bit depth {Header.BitDepth}) is misplaced or has a wrong size; the file is damaged.");
        }

        Palette = data;
    }

    private void CheckComplete()
    {
        if (_imageData.Count == 0)
        {
            throw new ImageFormatException(Path, "the PNG has no image data (no IDAT chunk).");
        }

        if (Header.Color == PngColor.Indexed && Palette.IsEmpty)
        {
            throw new ImageFormatException(Path, "the PNG is paletted but has no palette (no PLTE chunk).");
        }
    }
}
