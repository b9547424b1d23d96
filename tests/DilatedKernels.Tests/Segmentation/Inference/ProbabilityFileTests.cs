using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation.Crf;

namespace DilatedKernels.Tests.Segmentation.Inference;

public class ProbabilityFileTests
{
    [Test]
    public void WhatIsWrittenIsRead([Values(1, 2, 11)] int classes, [Values] bool colors)
    {
        using var folder = new TemporaryFolder();
        ProbabilityMap map = TestScene.Probabilities(7, 5, classes);
        ProbabilityFile.Write(folder["p.safetensors"], map, colors ? Palette.CamVid : null);
        (ProbabilityMap read, Palette? palette) = ProbabilityFile.Read(folder["p.safetensors"]);
        Assert.That((read.Width, read.Height, read.Classes), Is.EqualTo((7, 5, classes)));
        Assert.That(read.Values, Is.EqualTo(map.Values));
        Assert.That(palette, Is.EqualTo(colors ? Palette.CamVid : null));
    }

    [Test]
    public void TheArrayIsClassByClass()
    {
        using var folder = new TemporaryFolder();
        ProbabilityFile.Write(folder["p.safetensors"], new ProbabilityMap(2, 1, 2, [0.1f, 0.9f, 0.2f, 0.8f]), null);
        using SafetensorsFile file = SafetensorsFile.Open(folder["p.safetensors"]);
        Assert.That(file.ShapeOf("probabilities"), Is.EqualTo(new[] { 2, 1, 2 }));
        Assert.That(file.Read("probabilities").Values, Is.EqualTo(new[] { 0.1f, 0.2f, 0.9f, 0.8f }));
    }

    [Test]
    public void ADamagedFileIsRefused()
    {
        using var folder = new TemporaryFolder();
        ProbabilityFile.Write(folder["p.safetensors"], new ProbabilityMap(2, 1, 2, [0.1f, 0.9f, 0.2f, 0.8f]), null);
        byte[] bytes = File.ReadAllBytes(folder["p.safetensors"]);
        bytes[^1] ^= 1;
        folder.Write("p.safetensors", bytes);
        Assert.That(() => ProbabilityFile.Read(folder["p.safetensors"]), Throws.TypeOf<SafetensorsException>().With.Message.Contains("the file is damaged"));
    }

    [TestCase("scores", 2, 1, 2, "no array 'probabilities'")]
    [TestCase("probabilities", 4, 1, 1, "from 0 to 1")]
    [TestCase("probabilities", 4, 0, 3, "[4, 0, 3]")]
    [TestCase("probabilities", 300, 1, 1, "[300, 1, 1]")]
    public void OtherFilesAreRefused(string name, int classes, int height, int width, string message)
    {
        using var folder = new TemporaryFolder();
        float[] values = [.. Enumerable.Range(0, classes * height * width).Select(i => (float)i)];
        SafetensorsWriter.Write(folder["p.safetensors"], [(name, [classes, height, width], values)]);
        Assert.That(() => ProbabilityFile.Read(folder["p.safetensors"]), Throws.TypeOf<SafetensorsException>().With.Message.Contains(message));
    }

    [TestCase("")]
    [TestCase("red green")]
    [TestCase("#12345")]
    [TestCase("#-12345")]
    public void ColoursThatAreNoneAreRefused(string colors)
    {
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(
            folder["p.safetensors"], [("probabilities", [1, 1, 1], new float[] { 1 })], new Dictionary<string, string> { [ProbabilityFile.PaletteKey] = colors });
        Assert.That(() => ProbabilityFile.Read(folder["p.safetensors"]), Throws.TypeOf<SafetensorsException>().With.Message.Contains("#RRGGBB"));
    }
}
