using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Tests.Segmentation.Training;

public class LossWatchTests
{
    [Test]
    public void WarnsOnceAndNamesTheLikelyCause()
    {
        // The figures of a user of the paper's code: 19 classes, a loss of 50 to 80.
        Assert.That(new LossWatch(19).Check(1, 57.25f), Is.EqualTo(
            "The loss of step 1 is 57.25; guessing among 19 classes gives 2.94. Before the first update that comes from the weights or the input: weights that expect another scale or mean of the image, or an initialisation that is too wide."));
        var watch = new LossWatch(19);
        Assert.That(watch.Check(1, 2.95f), Is.Null);
        Assert.That(watch.Check(2, 11.7f), Is.Null);
        Assert.That(watch.Check(3, 12), Does.StartWith("The loss of step 3 is 12;").And.EndWith("The learning rate is probably too high."));
        Assert.That(watch.Check(4, 1e9f), Is.Null);
    }
}
