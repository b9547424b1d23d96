using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Imaging;

public class PaletteTests
{
    [TestCase(0, 0, 0, 0)]
    [TestCase(1, 128, 0, 0)]
    [TestCase(2, 0, 128, 0)]
    [TestCase(3, 128, 128, 0)]
    [TestCase(4, 0, 0, 128)]
    [TestCase(8, 64, 0, 0)]
    [TestCase(15, 192, 128, 128)]
    [TestCase(20, 0, 64, 128)]
    [TestCase(255, 224, 224, 192)]
    public void VocColoursAreThePublishedOnes(int index, int r, int g, int b)
        => Assert.That(Palette.Voc[index], Is.EqualTo(((byte)r, (byte)g, (byte)b)));

    [Test]
    public void EveryPresetHasOneColourAClassAndNoTwoAlike()
    {
        foreach (ClassSet classes in new[] { ClassSet.Voc, ClassSet.CamVid, ClassSet.Cityscapes })
        {
            Assert.That(classes.Palette.Count, Is.GreaterThanOrEqualTo(classes.Count), classes.Name);
            Assert.That(classes.Palette.Colors, Is.Unique, classes.Name);
            Assert.That(classes.Names, Is.Unique, classes.Name);
            Assert.That(classes.Contains(classes.VoidLabel) && !classes.Names.Where((_, label) => label == classes.VoidLabel).Any(), classes.Name);
        }
    }

    [Test]
    public void PalettesAreEqualWhenTheirColoursAre()
    {
        Palette copy = new([.. Palette.CamVid.Colors]);
        Assert.That(copy, Is.EqualTo(Palette.CamVid));
        Assert.That(copy.GetHashCode(), Is.EqualTo(Palette.CamVid.GetHashCode()));
        Assert.That(copy, Is.Not.EqualTo(new Palette([.. Palette.CamVid.Colors.Reverse()])));
    }

    [TestCase(0)]
    [TestCase(257)]
    public void APaletteHas1To256Colours(int count)
        => Assert.That(() => new Palette(new (byte, byte, byte)[count]), Throws.ArgumentException.With.Message.Contains($"{count}"));
}
