using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Imaging.Jpeg;

namespace DilatedKernels.Tests.Segmentation.Imaging.Jpeg;

public class JpegFileTests
{
    [TestCase(8, 8)]
    [TestCase(1, 1)]
    [TestCase(20, 11)]
    public void GreyBlocksDecodeExactly(int width, int height)
    {
        int columns = (width + 7) / 8;
        byte[] levels = Levels(columns * ((height + 7) / 8), seed: 1);
        RgbImage image = JpegFile.Decode("x.jpg", TestJpeg.Encode(width, height, [levels]));
        Assert.That((image.Width, image.Height), Is.EqualTo((width, height)));
        for (int i = 0; i < image.Pixels.Length; i++)
        {
            int x = i / 3 % width, y = i / 3 / width;
            Assert.That(image.Pixels[i], Is.EqualTo(levels[(y / 8 * columns) + (x / 8)]), $"channel {i % 3} at x {x}, y {y}");
        }
    }

    [Test]
    public void ColourBlocksDecodeByTheUsualTransform()
    {
        byte[] luma = [60, 128, 200, 90], blue = [128, 100, 140, 160], red = [150, 128, 110, 90];
        RgbImage image = JpegFile.Decode("x.jpg", TestJpeg.Encode(16, 16, [luma, blue, red]));
        for (int block = 0; block < 4; block++)
        {
            double y = luma[block], cb = blue[block] - 128, cr = red[block] - 128;
            int first = 3 * ((block / 2 * 8 * 16) + (block % 2 * 8));
            Assert.That(image.Pixels[first], Is.EqualTo(y + (1.402 * cr)).Within(1.01));
            Assert.That(image.Pixels[first + 1], Is.EqualTo(y - (0.344136 * cb) - (0.714136 * cr)).Within(1.01));
            Assert.That(image.Pixels[first + 2], Is.EqualTo(y + (1.772 * cb)).Within(1.01));
        }
    }

    [Test]
    public void AFileCutOffAtAnyByteIsRefused()
    {
        byte[] file = TestJpeg.Encode(24, 24, [Levels(9, seed: 2)]);
        for (int length = 2; length < file.Length; length++)
        {
            byte[] part = file[..length];
            Assert.That(() => JpegFile.Decode("x.jpg", part), Throws.TypeOf<ImageFormatException>().With.Message.EqualTo(
                $"x.jpg: the JPEG is cut off: it ends at byte {length} without its end mark."));
        }
    }

    [Test]
    public void TheEndMarkOfAnEmbeddedThumbnailDoesNotCount()
    {
        byte[] file = TestJpeg.Encode(8, 8, [[77]]);
        List<byte> withThumbnail = [0xFF, 0xD8];
        TestJpeg.Segment(withThumbnail, 0xE1, file);
        withThumbnail.AddRange(file[2..]);
        byte[] whole = [.. withThumbnail];
        byte[] cut = whole[..^2];
        Assert.That(JpegFile.Decode("x.jpg", whole).Pixels[0], Is.EqualTo(77));
        Assert.That(() => JpegFile.Decode("x.jpg", cut), Throws.TypeOf<ImageFormatException>().With.Message.Contains("cut off"));
    }

    [Test]
    public void PaddingBeforeMarkersAndBytesAfterTheEndAreAllowed()
    {
        byte[] file = TestJpeg.Encode(8, 8, [[77]]);
        byte[] padded = [.. file[..2], 0xFF, 0xFF, .. file[2..], 1, 2, 3];
        Assert.That(JpegFile.ReadSize("x.jpg", padded), Is.EqualTo((8, 8)));
    }

    [Test]
    public void ASmallFileWithAHugeSizeIsRefusedBeforeMemoryIsTaken()
    {
        byte[] file = TestJpeg.Encode(8, 8, [[77]]);
        int frame = Frame(file);
        (file[frame + 5], file[frame + 6], file[frame + 7], file[frame + 8]) = (0x08, 0x00, 0xFF, 0xFF);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => JpegFile.Decode("x.jpg", file), Throws.TypeOf<ImageFormatException>().With.Message.Contains("65535×2048"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
    }

    [TestCase(0xC3, 8, "lossless")]
    [TestCase(0xC9, 8, "arithmetic")]
    [TestCase(0xC1, 12, "8 bits a channel")]
    public void KindsThatAreNotReadAreNamed(int marker, int depth, string reason)
    {
        byte[] file = TestJpeg.Encode(8, 8, [[77]]);
        int frame = Frame(file);
        (file[frame + 1], file[frame + 4]) = ((byte)marker, (byte)depth);
        Assert.That(() => JpegFile.Decode("x.jpg", file), Throws.TypeOf<ImageFormatException>().With.Message.Contains(reason));
    }

    [Test]
    public void DamageGivesAnImageOrAnImageFormatException()
    {
        byte[] file = TestJpeg.Encode(24, 24, [Levels(9, 3), Levels(9, 4), Levels(9, 5)]);
        int refused = 0;
        for (int i = 3; i < file.Length; i++)
        {
            foreach (byte value in new byte[] { 0x00, 0x01, 0x7F, 0xFF, (byte)(file[i] ^ 1), (byte)(file[i] ^ 128) })
            {
                byte[] damaged = [.. file];
                damaged[i] = value;
                try
                {
                    JpegFile.Decode("x.jpg", damaged);
                }
                catch (ImageFormatException)
                {
                    refused++;
                }
            }
        }

        Assert.That(refused, Is.GreaterThan(100));
    }

    private static int Frame(byte[] file) => file.AsSpan().IndexOf([(byte)0xFF, (byte)0xC0]);

    private static byte[] Levels(int count, int seed)
    {
        byte[] levels = new byte[count];
        new Random(seed).NextBytes(levels);
        return levels;
    }
}
