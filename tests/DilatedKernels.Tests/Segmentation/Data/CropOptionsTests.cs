using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Tests.Segmentation.Data;

public class CropOptionsTests
{
    [TestCase(500, 16)]
    [TestCase(628, 32)]
    [TestCase(852, 60)]
    [TestCase(900, 66)]
    [TestCase(1396, 128)]
    [TestCase(380, 1)]
    public void TheSizesOfThePaperGiveItsCells(int crop, int cells)
    {
        CropOptions options = new() { Crop = crop };
        Assert.That(options.Validate, Throws.Nothing);
        Assert.That(options.Cells, Is.EqualTo(new Size2(cells, cells)));
        Assert.That(options.LabelSize, Is.EqualTo(new Size2(cells, cells)));
        Assert.That((options with { Labels = LabelResolution.Full }).LabelSize, Is.EqualTo(new Size2(8 * cells, 8 * cells)));
    }

    [TestCase(501, "501 − 2·186 margin = 129 must be a positive multiple of the stride 8; the nearest that do are 500 and 508.")]
    [TestCase(507, "the nearest that do are 500 and 508.")]
    [TestCase(379, "the smallest that does is 380.")]
    [TestCase(372, "the smallest that does is 380.")]
    [TestCase(0, "the smallest that does is 380.")]
    [TestCase(-5, "the smallest that does is 380.")]
    public void OtherSizesNameTheNearestRightOnes(int extent, string reason)
    {
        Assert.That(() => new CropOptions { Crop = new Size2(extent, 500) }.Validate(), Throws.TypeOf<UserInputException>().With.Message.StartsWith($"A crop height of {extent}").And.Message.EndsWith(reason));
        Assert.That(() => new CropOptions { Crop = new Size2(500, extent) }.Validate(), Throws.TypeOf<UserInputException>().With.Message.StartsWith($"A crop width of {extent}"));
    }

    [TestCase(321, 8, 41)]
    [TestCase(320, 8, 40)]
    [TestCase(1, 8, 1)]
    [TestCase(77, 1, 77)]
    public void APaddedNetworkTakesAnySize(int crop, int stride, int cells)
    {
        CropOptions options = new() { Crop = crop, Margin = 0, Stride = stride, Padded = true };
        Assert.That(options.Validate, Throws.Nothing);
        Assert.That(options.LabelSize, Is.EqualTo(new Size2(cells, cells)));
        Assert.That(() => (options with { Crop = 0 }).Validate(), Throws.TypeOf<UserInputException>().With.Message.Contains("A crop height of 0 leaves nothing"));
    }

    [Test]
    public void OtherOptionsOutOfRangeAreRefused()
    {
        CropOptions good = new() { Crop = 500 };
        Assert.That((good.BatchSize, good.Mirror, good.Padded, good.Seed), Is.EqualTo((1, true, false, 0UL)));
        Assert.That(() => (good with { Margin = -1 }).Validate(), Throws.TypeOf<UserInputException>());
        Assert.That(() => (good with { Stride = 0 }).Validate(), Throws.TypeOf<UserInputException>());
        Assert.That(() => (good with { BatchSize = 0 }).Validate(), Throws.TypeOf<UserInputException>());
        Assert.That(() => (good with { BatchSize = 10000 }).Validate(), Throws.TypeOf<UserInputException>().With.Message.Contains("too large"));
        Assert.That((good with { BatchSize = 2863 }).Validate, Throws.Nothing, "2,147,250,000 numbers, and an array holds 2,147,483,591");
        Assert.That(() => (good with { BatchSize = 2864 }).Validate(), Throws.TypeOf<UserInputException>().With.Message.Contains("too large"));
        Assert.That(() => (good with { Crop = int.MaxValue - 7 + 4 }).Validate(), Throws.TypeOf<UserInputException>());
    }
}
