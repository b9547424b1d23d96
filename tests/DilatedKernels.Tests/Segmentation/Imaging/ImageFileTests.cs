using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation.Imaging.Png;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public class ImageFileTests
{
    private TemporaryFolder _folder;

    [SetUp]
    public void CreateFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void DeleteFolder() => _folder.Dispose();

    [Test]
    public void EveryPngKindBecomesItsColours(
        [Values("0:1", "0:2", "0:4", "0:8", "0:16", "2:8", "2:16", "3:1", "3:2", "3:4", "3:8", "4:8", "4:16", "6:8", "6:16")] string kind,
        [Values] bool interlaced)
    {
        int[] parts = [.. kind.Split(':').Select(int.Parse)];
        (int Width, int Height)[] sizes = [(1, 1), (2, 3), (3, 1), (1, 6), (5, 5), (8, 8), (9, 17), (40, 13)];
        foreach ((int width, int height) in sizes)
        {
            TestPng png = TestPng.Noise(width, height, parts[0], parts[1], interlaced, seed: width);
            string path = _folder.Write("image.png", png.Encode());
            RgbImage image = ImageFile.Read(path);
            Assert.That((image.Width, image.Height), Is.EqualTo((width, height)));
            Assert.That(image.Pixels, Is.EqualTo(Colours(png)), $"{width}×{height}");
            Assert.That(ImageFile.ReadSize(path), Is.EqualTo((width, height)));
        }
    }

    [Test]
    public void ImageDataMayBeCutIntoAnyNumberOfChunks([Values(1, 2, 7)] int bytes)
    {
        TestPng noise = TestPng.Noise(11, 5, color: 2, depth: 8);
        TestPng png = new() { Width = 11, Height = 5, Color = 2, Depth = 8, Samples = noise.Samples, ChunkBytes = bytes };
        Assert.That(ImageFile.Read(_folder.Write("image.png", png.Encode())).Pixels, Is.EqualTo(Colours(noise)));
    }

    [Test]
    public void SixteenBitsRoundToTheNearest()
    {
        TestPng png = new() { Width = 7, Height = 1, Color = 0, Depth = 16, Samples = [0, 128, 129, 257 * 77, (257 * 77) + 129, 65406, 65535] };
        byte[] grey = [.. ImageFile.Read(_folder.Write("image.png", png.Encode())).Pixels.Where((_, i) => i % 3 == 0)];
        Assert.That(grey, Is.EqualTo(new byte[] { 0, 0, 1, 77, 78, 254, 255 }));
    }

    [Test]
    public void AnIndexBeyondThePaletteIsNamedWithItsPixel()
    {
        TestPng png = new() { Width = 3, Height = 2, Color = 3, Depth = 8, Samples = [0, 1, 2, 2, 9, 1], Palette = new byte[9] };
        string path = _folder.Write("image.png", png.Encode());
        Assert.That(() => ImageFile.Read(path), Throws.TypeOf<ImageFormatException>().With.Message.EqualTo(
            $"{path}: the pixel at x 1, y 1 has palette index 9, but the palette has 3 colours; the file is damaged."));
    }

    [Test]
    public void TheContentTellsTheKindNotTheName()
    {
        string path = _folder.Write("image.jpg", TestPng.Noise(3, 3, color: 2, depth: 8).Encode());
        Assert.That(ImageFile.Read(path).Width, Is.EqualTo(3));
    }

    [Test]
    public void WhatIsNoImageIsRefusedByName()
    {
        string text = _folder.Write("notes.png", "GIF89a, really");
        string empty = _folder.Write("empty.png", "");
        Assert.Multiple(() =>
        {
            Assert.That(() => ImageFile.Read(text), Throws.TypeOf<ImageFormatException>().With.Message.EqualTo(
                $"{text}: the file is neither PNG nor JPEG: it starts with the bytes 4749463839612C20."));
            Assert.That(() => ImageFile.Read(empty), Throws.TypeOf<ImageFormatException>().With.Message.StartsWith($"{empty}: the file is empty, or"));
            Assert.That(() => ImageFile.Read(_folder["none.png"]), Throws.TypeOf<ImageFormatException>().With.Message.EndsWith("the file does not exist."));
            Assert.That(() => ImageFile.Read(_folder.Path), Throws.TypeOf<ImageFormatException>().With.Message.EndsWith("this is a folder, not an image file."));
        });
    }

    [TestCase("")]
    [TestCase("  ")]
    public void AnEmptyPathIsTheUsersMistake(string path)
    {
        Assert.That(() => ImageFile.Read(path), Throws.TypeOf<ImageFormatException>().With.Message.EqualTo($"\"{path}\": the path of the image is empty; name a PNG or JPEG file."));
        Assert.That(() => MaskFile.Read(path), Throws.TypeOf<ImageFormatException>());
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Pipes are no files there.")]
    public void PipesAndDevicesAreRefusedWithoutOpeningThem()
    {
        using NamedPipe pipe = new(_folder["pipe.png"]);
        File.CreateSymbolicLink(_folder["link.png"], _folder["pipe.png"]);
        foreach (string path in new[] { _folder["pipe.png"], _folder["link.png"], "/dev/zero" })
        {
            Assert.That(() => ImageFile.Read(path), Throws.TypeOf<ImageFormatException>().With.Message.StartsWith(path).And.Message.Contains("a pipe or a device"));
        }
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "Links need a privilege there.")]
    public void LinksAreFollowed()
    {
        _folder.Write("image.png", TestPng.Noise(3, 3, color: 2, depth: 8).Encode());
        File.CreateSymbolicLink(_folder["first.png"], "image.png");
        File.CreateSymbolicLink(_folder["second.png"], _folder["first.png"]);
        File.CreateSymbolicLink(_folder["broken.png"], "none.png");
        File.CreateSymbolicLink(_folder["folder.png"], _folder.Path);
        Assert.That(ImageFile.Read(_folder["second.png"]).Width, Is.EqualTo(3));
        Assert.That(() => ImageFile.Read(_folder["broken.png"]), Throws.TypeOf<ImageFormatException>().With.Message.EndsWith(
            $"it is a link to {_folder["none.png"]}, which is no file."));
        Assert.That(() => ImageFile.Read(_folder["folder.png"]), Throws.TypeOf<ImageFormatException>().With.Message.EndsWith("this is a folder, not an image file."));
    }

    /// <summary>R, G, B of each pixel from the samples, by the specification's rules in floating point.</summary>
    private static byte[] Colours(TestPng png)
    {
        double maximum = (1 << png.Depth) - 1;
        byte Level(int sample) => (byte)Math.Round(sample * 255 / maximum, MidpointRounding.AwayFromZero);
        return [.. png.Samples.Chunk(png.Channels).SelectMany(pixel => png.Color switch
        {
            3 => png.Palette.AsSpan(3 * pixel[0], 3).ToArray(),
            0 or 4 => [Level(pixel[0]), Level(pixel[0]), Level(pixel[0])],
            _ => [Level(pixel[0]), Level(pixel[1]), Level(pixel[2])],
        })];
    }
}
