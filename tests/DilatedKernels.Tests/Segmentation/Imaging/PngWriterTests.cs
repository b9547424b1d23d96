using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public class PngWriterTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [TestCase(1, 1)]
    [TestCase(1, 40)]
    [TestCase(40, 1)]
    [TestCase(63, 31)]
    public void WritingAndReadingKeepsEveryPixel(int width, int height)
    {
        RgbImage noise = new(width, height);
        new Random(3).NextBytes(noise.Pixels);
        RgbImage ramp = Ramp(width, height);
        foreach (RgbImage image in new[] { noise, ramp })
        {
            PngWriter.Write(_folder["image.png"], image);
            RgbImage read = ImageFile.Read(_folder["image.png"]);
            Assert.That((read.Width, read.Height), Is.EqualTo((width, height)));
            Assert.That(read.Pixels, Is.EqualTo(image.Pixels));
        }
    }

    [Test]
    public void RowFiltersMakeSmoothImagesSmall()
        => Assert.That(PngWriter.Encode(Ramp(256, 256)), Has.Length.LessThan(256 * 256 * 3 / 50));

    [Test]
    public void AnExistingFileIsReplacedAndNothingElseIsLeft()
    {
        _folder.Write("image.png", "old");
        PngWriter.Write(_folder["image.png"], Ramp(4, 4));
        Assert.That(ImageFile.Read(_folder["image.png"]).Pixels, Is.EqualTo(Ramp(4, 4).Pixels));
        Assert.That(Directory.GetFiles(_folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void AMissingFolderIsNamed()
    {
        string path = _folder["missing/image.png"];
        Assert.That(() => PngWriter.Write(path, Ramp(2, 2)), Throws.TypeOf<UserInputException>().With.Message.EqualTo(
            $"{path}: the file cannot be written: its folder does not exist; create it first."));
    }

    [Test]
    public void ContentThatFailsLeavesNothing()
    {
        Assert.That(() => AtomicFile.Write(_folder["half"], stream => throw new InvalidOperationException("half")), Throws.InvalidOperationException);
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.Empty);
    }

    [Test]
    public void AFailedWriteLeavesNoTemporaryFile()
    {
        Directory.CreateDirectory(_folder["taken.png"]);
        Assert.That(() => PngWriter.Write(_folder["taken.png"], Ramp(2, 2)), Throws.TypeOf<UserInputException>());
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));
    }

    private static RgbImage Ramp(int width, int height)
    {
        RgbImage image = new(width, height);
        for (int i = 0; i < width * height; i++)
        {
            int x = i % width, y = i / width;
            (image.Pixels[3 * i], image.Pixels[(3 * i) + 1], image.Pixels[(3 * i) + 2]) = ((byte)x, (byte)y, (byte)(x + (2 * y)));
        }

        return image;
    }
}
