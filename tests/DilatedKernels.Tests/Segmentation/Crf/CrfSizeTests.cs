using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Cli;

namespace DilatedKernels.Tests.Segmentation.Crf;

public class CrfSizeTests
{
    [Test]
    public void TheExactKernelTakesSoManyPixelsAndTheLatticeAny()
    {
        Assert.That(() => CrfSize.Check(CrfKernel.Exact, new Size2(256, 256), "it"), Throws.Nothing);
        Assert.That(() => CrfSize.Check(CrfKernel.Lattice, new Size2(5000, 5000), "it"), Throws.Nothing);
        Assert.That(() => CrfSize.Check(null, new Size2(5000, 5000), "it"), Throws.Nothing);
        Assert.That(() => CrfSize.Check(CrfKernel.Exact, new Size2(257, 256), "it"), Throws.TypeOf<UserInputException>().With.Message.Contains("at most 65536 pixels; it has 257×256"));
    }

    [Test]
    public void EveryImageOfASplitCounts()
    {
        using var folder = new TemporaryFolder();
        DatasetFolder data = DatasetFolder.Open(SmallDataset.Create(folder));
        Assert.That(() => CrfSize.Check(CrfKernel.Exact, DatasetChecker.Check(data, "val")), Throws.Nothing);
        PngWriter.Write(folder["data/val/1.png"], new RgbImage(256, 257, new byte[256 * 257 * 3]));
        MaskFile.Write(folder["data/valannot/1.png"], new IndexMask(256, 257), new Palette([(0, 0, 0), (255, 255, 255)]));
        Assert.That(
            () => CrfSize.Check(CrfKernel.Exact, DatasetChecker.Check(data, "val")), Throws.TypeOf<UserInputException>().With.Message.Contains("an image of the split val has 257×256"));
    }
}
