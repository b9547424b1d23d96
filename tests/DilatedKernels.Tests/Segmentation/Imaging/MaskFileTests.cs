using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation.Imaging.Jpeg;
using DilatedKernels.Tests.Segmentation.Imaging.Png;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public class MaskFileTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void StoredNumbersAreKept([Values(0, 3)] int color, [Values(1, 2, 4, 8)] int depth, [Values] bool interlaced)
    {
        foreach ((int width, int height) in new[] { (1, 1), (5, 3), (8, 8), (17, 9) })
        {
            TestPng png = TestPng.Noise(width, height, color, depth, interlaced, seed: height);
            IndexMask mask = MaskFile.Read(_folder.Write("mask.png", png.Encode()));
            Assert.That((mask.Width, mask.Height), Is.EqualTo((width, height)));
            Assert.That(mask.Indices, Is.EqualTo(png.Samples.Select(sample => (byte)sample)));
        }
    }

    [TestCase(2, 8, "colours")]
    [TestCase(6, 8, "colours")]
    [TestCase(2, 16, "colours")]
    [TestCase(4, 8, "grey with transparency")]
    public void ColourMasksAreRefusedWithTheCure(int color, int depth, string kind)
    {
        string path = _folder.Write("mask.png", TestPng.Noise(3, 3, color, depth).Encode());
        Assert.That(() => MaskFile.Read(path), Throws.TypeOf<ImageFormatException>().With.Message.StartsWith(
            $"{path}: the mask holds {kind}, not class indices; colour masks must be converted to indices"));
    }

    [Test]
    public void SixteenBitMasksAreRefused()
    {
        string path = _folder.Write("mask.png", TestPng.Noise(3, 3, color: 0, depth: 16).Encode());
        Assert.That(() => MaskFile.Read(path), Throws.TypeOf<ImageFormatException>().With.Message.Contains("16 bits"));
    }

    [Test]
    public void JpegMasksAreRefused()
    {
        string path = _folder.Write("mask.png", TestJpeg.Encode(8, 8, [[3]]));
        Assert.That(() => MaskFile.Read(path), Throws.TypeOf<ImageFormatException>().With.Message.Contains("JPEG"));
    }

    [Test]
    public void WritingAndReadingKeepsEveryIndexWhateverThePalette([Values(1, 11, 256)] int colors)
    {
        IndexMask mask = new(32, 16);
        for (int i = 0; i < mask.Indices.Length; i++)
        {
            mask.Indices[i] = (byte)(i * 7);
        }

        Palette palette = new([.. Palette.Voc.Colors.Take(colors)]);
        MaskFile.Write(_folder["mask.png"], mask, palette);
        Assert.That(MaskFile.Read(_folder["mask.png"]).Indices, Is.EqualTo(mask.Indices));
        byte[] seen = ImageFile.Read(_folder["mask.png"]).Pixels;
        byte[] expected = [.. mask.Indices.SelectMany(index => index < colors ? new[] { palette[index].R, palette[index].G, palette[index].B } : [0, 0, 0])];
        Assert.That(seen, Is.EqualTo(expected));
    }
}
