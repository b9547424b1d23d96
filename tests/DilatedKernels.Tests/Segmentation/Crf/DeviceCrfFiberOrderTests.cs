using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>The CRF on the host driver, whose threads and blocks run in the order that a seed names: an order that shows is a race.</summary>
[NonParallelizable]
public class DeviceCrfFiberOrderTests
{
    private static readonly DenseCrfConfig Config = DenseCrfConfig.DeepLab with
    {
        Iterations = 2,
        Compatibility = CrfReference.Flat(CrfReference.Potts(5)),
    };

    [Test]
    public void EveryOrderGivesTheSameBits()
    {
        HostDriver driver = Open("plain");
        float[] ascending = Refine(driver, 0, 61, 43);
        Assert.That(Refine(driver, 1, 61, 43), Is.EqualTo(ascending), "descending");
        Assert.That(Refine(driver, 7, 61, 43), Is.EqualTo(ascending), "random");
        Assert.That(Refine(driver, 8, 61, 43), Is.EqualTo(ascending), "random");
    }

    [Test]
    public void TheWatchedBuildFindsNoFault()
    {
        HostDriver driver = Open("checked");
        Assert.That(() => Refine(driver, 3, 23, 17), Throws.Nothing);
    }

    private static HostDriver Open(string build)
    {
        HostDriver? driver = HostDriver.TryOpen(build, out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        return driver!;
    }

    private static float[] Refine(HostDriver driver, long seed, int width, int height)
    {
        driver.SetSeed(seed);
        try
        {
            using Device device = HostDevice.Open(driver);
            return new DenseCrf(Config, device).Refine(TestScene.Image(width, height), TestScene.Probabilities(width, height, 5)).Values;
        }
        finally
        {
            driver.SetSeed(0);
        }
    }
}
