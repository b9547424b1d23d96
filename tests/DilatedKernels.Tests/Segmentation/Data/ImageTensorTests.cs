using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

public class ImageTensorTests
{
    [Test]
    public void ChannelsAreBlueGreenRedMinusTheMean()
    {
        RgbImage image = new(2, 1, [10, 20, 30, 255, 0, 128]);
        Assert.That(ImageTensor.FromImage(image, (1.5, 2.25, 3), margin: 0), Is.EqualTo(new[] { 28.5f, 17.75f, 7f, 126.5f, -2.25f, 252f }));
    }

    [Test]
    public void TheMarginIsTheReflectionWithoutTheEdge()
    {
        RgbImage image = new(4, 1, [0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0]);
        float[] tensor = ImageTensor.FromImage(image, default, margin: 2);
        float[] red = [.. tensor.Where((_, i) => i % 3 == 2)];
        Assert.That(red, Is.EqualTo(Enumerable.Repeat(new float[] { 2, 1, 0, 1, 2, 3, 2, 1 }, 5).SelectMany(row => row)));
    }

    [Test]
    public void ReflectionWalksBackAndForth([Values(1, 2, 3, 7)] int length)
    {
        foreach (int direction in new[] { 1, -1 })
        {
            int expected = 0, heading = direction;
            for (int position = 0; Math.Abs(position) < 50; position += direction)
            {
                Assert.That(ImageTensor.Reflect(position, length), Is.EqualTo(expected), $"position {position}");
                heading = expected + heading < 0 || expected + heading >= length ? -heading : heading;
                expected = length == 1 ? 0 : expected + heading;
            }
        }
    }

    [Test]
    public void ReflectionHoldsAtTheEndsOfTheIntegers()
    {
        Assert.That(ImageTensor.Reflect(int.MaxValue, 2), Is.EqualTo(1));
        Assert.That(ImageTensor.Reflect(int.MinValue, 2), Is.Zero);
        Assert.That(ImageTensor.Reflect(int.MinValue, int.MaxValue), Is.InRange(0, int.MaxValue - 1));
    }

    [Test]
    public void AWindowIsAPartOfTheExtendedImage([Values] bool mirror)
    {
        RgbImage image = new(5, 4);
        new Random(1).NextBytes(image.Pixels);
        const int margin = 20;
        float[] extended = ImageTensor.FromImage(image, (7, 8, 9), margin);
        float[] window = new float[6 * 9 * 3];
        ImageTensor.CopyWindow(image, (7, 8, 9), top: -13, left: 3, new Size2(6, 9), mirror, window);
        for (int i = 0; i < window.Length; i++)
        {
            int y = i / 27, x = i / 3 % 9, c = i % 3;
            int column = margin + 3 + (mirror ? 8 - x : x);
            Assert.That(window[i], Is.EqualTo(extended[((((margin - 13 + y) * 45) + column) * 3) + c]));
        }
    }

    [Test]
    public void WrongArgumentsAreRefused()
    {
        Assert.That(() => ImageTensor.FromImage(new RgbImage(1, 1), default, -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => ImageTensor.CopyWindow(new RgbImage(1, 1), default, 0, 0, 2, false, new float[11]), Throws.ArgumentException.With.Message.Contains("12"));
    }
}
