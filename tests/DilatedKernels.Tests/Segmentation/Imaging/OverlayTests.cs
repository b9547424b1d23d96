using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public class OverlayTests
{
    private static readonly Palette TwoColors = new([(255, 0, 10), (0, 200, 0)]);

    [Test]
    public void MixesByOpacityAndLeavesVoidAlone()
    {
        RgbImage image = new(3, 1, [100, 100, 100, 100, 100, 101, 7, 8, 9]);
        RgbImage blended = Overlay.Blend(image, new IndexMask(3, 1, [0, 1, 255]), TwoColors, 0.25);
        Assert.That(blended.Pixels, Is.EqualTo(new byte[] { 139, 75, 78, 75, 125, 76, 7, 8, 9 }));
        Assert.That(image.Pixels[0], Is.EqualTo(100));
    }

    [Test]
    public void TheEndsAreImageAndMask()
    {
        RgbImage image = new(2, 1, [1, 2, 3, 4, 5, 6]);
        IndexMask mask = new(2, 1, [0, 1]);
        Assert.That(Overlay.Blend(image, mask, TwoColors, 0).Pixels, Is.EqualTo(image.Pixels));
        Assert.That(Overlay.Blend(image, mask, TwoColors, 1).Pixels, Is.EqualTo(new byte[] { 255, 0, 10, 0, 200, 0 }));
    }

    [Test]
    public void WrongArgumentsAreNamed()
    {
        Assert.That(() => Overlay.Blend(new RgbImage(2, 3), new IndexMask(3, 2), TwoColors, 0.5), Throws.ArgumentException.With.Message.Contains("3×2").And.Message.Contains("2×3"));
        Assert.That(() => Overlay.Blend(new RgbImage(1, 1), new IndexMask(1, 1), TwoColors, 1.01), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => Overlay.Blend(new RgbImage(1, 1), new IndexMask(1, 1), TwoColors, double.NaN), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
