using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Tests.Segmentation.Data;

public class CropPlanTests
{
    private static readonly CropOptions Options = new() { Crop = new Size2(20, 24), Margin = 4, Stride = 4, Seed = 5 };

    [Test]
    public void EveryEpochVisitsEverySampleOnceInItsOwnOrder()
    {
        CropPlan plan = new(10, Options);
        string[] epochs = new string[20];
        for (int epoch = 0; epoch < epochs.Length; epoch++)
        {
            int[] visited = [.. Enumerable.Range(0, 10).Select(i => plan.SampleOf((10 * epoch) + i))];
            Assert.That(visited.Order(), Is.EqualTo(Enumerable.Range(0, 10)));
            epochs[epoch] = string.Join(' ', visited);
        }

        Assert.That(epochs, Is.Unique);
    }

    [Test]
    public void AnyOrderOfAskingGivesTheSameAnswers()
    {
        CropPlan forward = new(7, Options), backward = new(7, Options);
        int[] expected = [.. Enumerable.Range(0, 50).Select(i => forward.SampleOf(i))];
        int[] reversed = [.. Enumerable.Range(0, 50).Reverse().Select(i => backward.SampleOf(i))];
        Assert.That(reversed.Reverse(), Is.EqualTo(expected));
    }

    [Test]
    public void AnyDrawMayBeTheFirst()
    {
        CropPlan plan = new(7, Options);
        for (int draw = 0; draw < 30; draw++)
        {
            Assert.That(new CropPlan(7, Options).SampleOf(draw), Is.EqualTo(plan.SampleOf(draw)));
        }
    }

    [TestCase(20, 30, 0, 8, 0, 14)]
    [TestCase(12, 16, 0, 0, 0, 0)]
    [TestCase(9, 30, -3, 0, 0, 14)]
    [TestCase(1, 1, -11, 0, -15, 0)]
    public void PlacementsCoverAllPositionsAndNoOthers(int height, int width, int lowestTop, int highestTop, int lowestLeft, int highestLeft)
    {
        CropPlan plan = new(1, Options);
        var placements = Enumerable.Range(0, 3000).Select(draw => plan.PlacementOf(draw, new Size2(height, width))).ToArray();
        Assert.That(placements.Select(p => p.Top).Distinct().Order(), Is.EqualTo(Enumerable.Range(lowestTop, highestTop - lowestTop + 1)));
        Assert.That(placements.Select(p => p.Left).Distinct().Order(), Is.EqualTo(Enumerable.Range(lowestLeft, highestLeft - lowestLeft + 1)));
        // Five standard deviations of 3000 coin tosses are 137.
        Assert.That(placements.Count(p => p.Mirror), Is.EqualTo(1500).Within(137));
    }

    [Test]
    public void WithoutMirroringNothingIsMirrored()
    {
        CropPlan plan = new(1, Options with { Mirror = false });
        Assert.That(Enumerable.Range(0, 200).Select(draw => plan.PlacementOf(draw, 40).Mirror), Has.All.False);
    }
}
