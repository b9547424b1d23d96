using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Tests.Segmentation.Data;

public class SampleCacheTests
{
    [Test]
    public void KeepsSamplesUpToTheBudget()
    {
        using TestDataset data = new();
        data.Add("a", 10, 10).Add("b", 10, 10).Add("c", 10, 10);
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        SampleCache cache = new(folder.Split("train"), folder.Classes, budget: 900);
        DecodedSample[] first = [cache.Get(0), cache.Get(1), cache.Get(2)];
        Assert.That(cache.Bytes, Is.EqualTo(800));
        Assert.That(cache.Get(0), Is.SameAs(first[0]));
        Assert.That(cache.Get(1), Is.SameAs(first[1]));
        Assert.That(cache.Get(2), Is.Not.SameAs(first[2]));
        Assert.That(cache.Get(2).Image.Pixels, Is.EqualTo(first[2].Image.Pixels));
    }
}
