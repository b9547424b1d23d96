using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Tests.Segmentation.Crf;

public class CrfSearchTests
{
    private const int Width = 31;
    private const int Height = 23;

    [Test]
    public void EveryCandidateScoresAsAlone()
    {
        CrfGrid grid = new(DenseCrfConfig.DenseCrfDemo with { Iterations = 2 })
        {
            BilateralWeights = [0, 4],
            BilateralSigmas = [5, 30],
            ColorSigmas = [10, 40],
            SpatialSigmas = [1, 3],
            SpatialWeights = [0, 2],
        };
        RgbImage image = TestScene.Image(Width, Height);
        IndexMask truth = TestScene.Truth(Width, Height);
        ProbabilityMap map = TestScene.Probabilities(Width, Height, 3);
        var search = new CrfSearch(grid, classes: 3, voidLabel: 255, threads: 2);
        int told = 0;
        search.Add(image, truth, map, () => told++);
        search.Add(image, truth, map);
        Assert.That(search.Candidates, Is.EqualTo(32));
        Assert.That(told, Is.EqualTo(32));
        Assert.That(search.Images, Is.EqualTo(2));
        Assert.That(search.Ranked.Select(candidate => candidate.Score.MeanIoU), Is.Ordered);
        foreach ((DenseCrfConfig config, var score) in search.Ranked)
        {
            byte[] alone = new DenseCrf(config).Refine(image, map).ArgMax().Indices;
            long right = alone.Zip(truth.Indices, (a, b) => a == b ? 2L : 0).Sum();
            Assert.That(score[0, 0] + score[1, 1] + score[2, 2], Is.EqualTo(right), config.ToString());
        }

        Assert.That(search.Without.Total, Is.EqualTo(2 * Width * Height));
    }

    [Test]
    public void AStoppedImageCountsForNone()
    {
        var search = new CrfSearch(new CrfGrid(DenseCrfConfig.DeepLab) { ColorSigmas = [3, 5] }, classes: 3, voidLabel: 255);
        using var stop = new CancellationTokenSource();
        Assert.That(
            () => search.Add(TestScene.Image(Width, Height), TestScene.Truth(Width, Height), TestScene.Probabilities(Width, Height, 3), stop.Cancel, stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(search.Images, Is.Zero);
        Assert.That(search.Without.Total, Is.Zero);
        Assert.That(search.Ranked.Select(candidate => candidate.Score.Total), Is.All.Zero);
    }

    [Test]
    public void WrongGridsAreRefused()
    {
        double[] many = [.. Enumerable.Range(1, 200).Select(i => (double)i)];
        Assert.Multiple(() =>
        {
            Assert.That(() => new CrfGrid(DenseCrfConfig.DeepLab) { ColorSigmas = many, BilateralSigmas = many }.Candidates(), Throws.ArgumentException.With.Message.Contains("40000"));
            Assert.That(() => new CrfGrid(DenseCrfConfig.DeepLab) { ColorSigmas = [] }.Candidates(), Throws.ArgumentException.With.Message.Contains("have 0"));
            Assert.That(() => new CrfGrid(DenseCrfConfig.DeepLab) { ColorSigmas = [3, 0] }.Candidates(), Throws.ArgumentException.With.Message.Contains("ColorSigma"));
        });
    }
}
