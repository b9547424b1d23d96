using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public sealed class ReductionTests
{
    [Test]
    public void AnImageBecomesTheMeansOfItsPixels()
    {
        byte[] pixels = [.. Enumerable.Range(0, 4 * 2).SelectMany(i => new[] { (byte)(10 * i), (byte)i, (byte)255 })];
        RgbImage reduced = Reduction.Of(new RgbImage(4, 2, pixels), 2);
        Assert.That((reduced.Width, reduced.Height), Is.EqualTo((2, 1)));
        // Pixels 0, 1, 4, 5 and 2, 3, 6, 7; halves are rounded up.
        Assert.That(reduced.Pixels, Is.EqualTo(new byte[] { 25, 3, 255, 45, 5, 255 }));
    }

    [Test]
    public void AMaskKeepsLabelsThatItHas()
    {
        byte[] labels = [.. Enumerable.Range(0, 9 * 3).Select(i => (byte)(i % 9 / 3 * 100))];
        IndexMask reduced = Reduction.Of(new IndexMask(9, 3, labels), 3);
        Assert.That((reduced.Width, reduced.Height), Is.EqualTo((3, 1)));
        Assert.That(reduced.Indices, Is.EqualTo(new byte[] { 0, 100, 200 }));
    }

    [TestCase(480, 360, 384, 288)]
    [TestCase(360, 480, 288, 384)]
    [TestCase(2048, 1, 384, 1)]
    [TestCase(385, 384, 384, 383)]
    public void TheSidesKeepTheirRatio(int width, int height, int reducedWidth, int reducedHeight)
    {
        RgbImage image = Reduction.Of(new RgbImage(width, height), 384);
        IndexMask mask = Reduction.Of(new IndexMask(width, height), 384);
        Assert.That((image.Width, image.Height), Is.EqualTo((reducedWidth, reducedHeight)));
        Assert.That((mask.Width, mask.Height), Is.EqualTo((reducedWidth, reducedHeight)));
    }

    [Test]
    public void WhatIsSmallEnoughStaysAsItIs()
    {
        var image = new RgbImage(384, 20);
        var mask = new IndexMask(20, 384);
        Assert.That(Reduction.Of(image, 384), Is.SameAs(image));
        Assert.That(Reduction.Of(mask, 384), Is.SameAs(mask));
    }
}
