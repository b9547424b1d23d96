using System.Buffers.Binary;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Imaging.Png;

namespace DilatedKernels.Tests.Segmentation.Imaging.Png;

/// <summary>Damaged and hostile files: whatever the bytes, the answer is an image or one kind of exception.</summary>
public class PngFileTests
{
    private static readonly (string Type, byte[] Data) End = ("IEND", []);

    [Test]
    public void AFileCutOffAtAnyByteIsRefused()
    {
        byte[] file = TestPng.Noise(9, 7, color: 3, depth: 4, interlaced: true).Encode();
        Assert.That(() => Decode(file), Throws.Nothing);
        for (int length = 0; length < file.Length; length++)
        {
            byte[] part = file[..length];
            Assert.That(() => Decode(part), Throws.TypeOf<ImageFormatException>(), $"{length} of {file.Length} bytes");
        }
    }

    [Test]
    public void AnyFlippedBitIsFound()
    {
        byte[] file = TestPng.Noise(5, 4, color: 2, depth: 8).Encode();
        for (int bit = 0; bit < file.Length * 8; bit++)
        {
            byte[] damaged = [.. file];
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.That(() => Decode(damaged), Throws.TypeOf<ImageFormatException>(), $"bit {bit % 8} of byte {bit / 8}");
        }
    }

    [Test]
    public void DamageUnderRightChecksumsGivesAnImageOrAnImageFormatException()
    {
        Random random = new(11);
        int refused = 0;
        for (int round = 0; round < 3000; round++)
        {
            int[] colors = [0, 2, 3, 4, 6];
            TestPng png = TestPng.Noise(1 + random.Next(12), 1 + random.Next(12), colors[random.Next(5)], depth: 8, random.Next(2) == 1, round);
            List<(string Type, byte[] Data)> chunks = [("IHDR", png.Header()), ("PLTE", png.Palette), .. png.ImageData(), End];
            if (png.Palette.Length == 0)
            {
                chunks.RemoveAt(1);
            }

            byte[] victim = chunks[random.Next(chunks.Count - 1)].Data;
            victim[random.Next(victim.Length)] = (byte)random.Next(256);
            try
            {
                Decode(TestPng.File(chunks));
            }
            catch (ImageFormatException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.GreaterThan(1000));
    }

    [Test]
    public void TheChecksumErrorNamesFileAndChunk()
    {
        byte[] file = TestPng.Noise(5, 4, color: 0, depth: 8).Encode();
        file[20] ^= 1;
        Assert.That(() => Decode(file), Throws.TypeOf<ImageFormatException>().With.Message.EqualTo(
            "x.png: the checksum of the PNG's IHDR chunk at byte 8 does not match its data; the file is damaged."));
    }

    [TestCase(60000, 2000)]
    [TestCase(65535, 2048)]
    public void ASmallFileWithAHugeSizeIsRefusedBeforeMemoryIsTaken(int width, int height)
    {
        byte[] header = new TestPng { Width = width, Height = height, Depth = 16, Color = 6, Samples = [] }.Header();
        byte[] file = TestPng.File([("IHDR", header), ("IDAT", TestPng.Compress(new byte[1000])), End]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => Decode(file), Throws.TypeOf<ImageFormatException>().With.Message.Contains($"{width}×{height}"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
    }

    [TestCase(0u, 5u)]
    [TestCase(5u, 0u)]
    [TestCase(65536u, 1u)]
    [TestCase(1u, 65536u)]
    [TestCase(65535u, 65535u)]
    [TestCase(0x80000001u, 1u)]
    [TestCase(uint.MaxValue, uint.MaxValue)]
    public void SizesOutsideTheLimitsAreRefused(uint width, uint height)
    {
        byte[] header = TestPng.Noise(1, 1, color: 0, depth: 8).Header();
        BinaryPrimitives.WriteUInt32BigEndian(header, width);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), height);
        byte[] file = TestPng.File([("IHDR", header), ("IDAT", TestPng.Compress([0, 0])), End]);
        Assert.That(() => Decode(file), Throws.TypeOf<ImageFormatException>().With.Message.Contains($"{width}×{height}"));
    }

    [Test]
    public void OnlyTheCombinationsOfTypeAndDepthInTheSpecificationAreAccepted()
    {
        string accepted = "";
        for (int color = 0; color < 8; color++)
        {
            for (int depth = 0; depth <= 32; depth++)
            {
                byte[] header = TestPng.Noise(1, 1, color: 0, depth: 8).Header();
                (header[8], header[9]) = ((byte)depth, (byte)color);
                try
                {
                    PngHeader.Parse("x.png", header);
                    accepted += $" {color}:{depth}";
                }
                catch (ImageFormatException e)
                {
                    Assert.That(e.Message, Does.Contain($"bit depth {depth}, colour type {color}"));
                }
            }
        }

        Assert.That(accepted, Is.EqualTo(" 0:1 0:2 0:4 0:8 0:16 2:8 2:16 3:1 3:2 3:4 3:8 4:8 4:16 6:8 6:16"));
    }

    [Test]
    public void ChunksInAnImpossibleOrderOrNumberAreRefused()
    {
        TestPng png = TestPng.Noise(4, 4, color: 3, depth: 2);
        (string, byte[]) header = ("IHDR", png.Header());
        (string, byte[]) palette = ("PLTE", png.Palette);
        (string Type, byte[] Data) data = png.ImageData().Single();
        (string, byte[]) firstHalf = ("IDAT", data.Data[..5]);
        (string, byte[]) secondHalf = ("IDAT", data.Data[5..]);
        (string, byte[]) note = ("tEXt", [1, 2, 3]);
        Assert.Multiple(() =>
        {
            Assert.That(() => Decode(TestPng.File([header, palette, note, firstHalf, secondHalf, note, End])), Throws.Nothing);
            Refused([palette, header, data, End], "instead of IHDR");
            Refused([header, data, End], "no palette");
            Refused([header, palette, palette, data, End], "palette");
            Refused([header, data, palette, End], "palette");
            Refused([header, ("PLTE", new byte[15]), data, End], "palette");
            Refused([header, ("PLTE", new byte[7]), data, End], "palette");
            Refused([header, ("PLTE", []), data, End], "palette");
            Refused([header, palette, End], "no image data");
            Refused([header, palette, firstHalf, note, secondHalf, End], "between the IDAT chunks");
            Refused([header, palette, data, ("ABCD", []), End], "ABCD");
            Refused([header, palette, data, ("a\u0000bc", []), End], "no valid PNG chunk");
            Refused([header, palette, data], "cut off");
        });
    }

    [Test]
    public void PixelDataThatDoesNotFitTheHeaderIsRefused()
    {
        TestPng png = TestPng.Noise(4, 4, color: 0, depth: 8);
        byte[] rows = png.Rows();
        byte[] badFilter = [.. rows];
        badFilter[5] = 5;
        byte[] badAdler = TestPng.Compress(rows);
        badAdler[^1] ^= 1;
        Assert.Multiple(() =>
        {
            RefusedData(png, TestPng.Compress(rows[..^1]), "fewer pixels");
            RefusedData(png, TestPng.Compress([.. rows, 0]), "more pixels");
            RefusedData(png, TestPng.Compress(badFilter), "filter type 5");
            RefusedData(png, badAdler, "cannot be unpacked");
            RefusedData(png, [1, 2, 3, 4, 5, 6, 7, 8], "cannot be unpacked");
        });
    }

    private static void RefusedData(TestPng png, byte[] data, string reason) => Refused([("IHDR", png.Header()), ("IDAT", data), End], reason);

    private static void Refused((string Type, byte[] Data)[] chunks, string reason)
        => Assert.That(() => Decode(TestPng.File(chunks)), Throws.TypeOf<ImageFormatException>().With.Message.StartsWith("x.png: ").And.Message.Contains(reason));

    private static byte[] Decode(byte[] file) => PngDecoder.Decode(PngFile.Parse("x.png", file));
}
