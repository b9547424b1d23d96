using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Compare;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Tests.Segmentation.Compare;

public class CompareReportTests
{
    private static readonly ClassSet Classes = new()
    {
        Name = "two",
        Names = ["ground", "square"],
        Palette = new Palette([(0, 0, 0), (255, 255, 255)]),
        VoidLabel = 255,
        MeanBgr = (0, 0, 0),
    };

    [Test]
    public void TheTableHasMeansAndDeviationsOverSeeds()
    {
        var config = new CompareConfig { Data = "x", Systems = ["fcn-8s", "front-end+basic"], Seeds = [1, 2], Crf = DenseCrfConfig.DeepLab };
        ComparedSystem[] systems = [.. config.Systems.Select(ComparedSystem.Parse)];
        CompareScore[] scores =
        [
            Score(systems[0], 1, Refinement.None, [50, 50, 0, 0], 60), Score(systems[0], 1, Refinement.Crf, [100, 0, 0, 0], 60),
            Score(systems[0], 2, Refinement.None, [100, 0, 0, 0], 120), Score(systems[0], 2, Refinement.Crf, [100, 0, 0, 0], 120),
            Score(systems[1], 1, Refinement.None, [60, 20, 20, 100], double.NaN), Score(systems[1], 1, Refinement.Crf, [60, 20, 20, 100], double.NaN),
            Score(systems[1], 2, Refinement.None, [60, 20, 20, 100], double.NaN), Score(systems[1], 2, Refinement.Crf, [60, 20, 20, 100], double.NaN),
        ];
        string[] rows = CompareReport.Table(new CompareResult(config, Classes, scores, [1234567, 89])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(rows, Is.EqualTo(new[]
        {
            "| system | ground | square | mean | parameters | minutes |",
            "|---|---|---|---|---|---|",
            // Seed 1: ground 50/100, square 0/50. Seed 2: ground 1, square absent.
            "| fcn-8s | 75.0 | 0.0 | **62.5** ± 53.0 | 1,234,567 | 1.5 |",
            "| fcn-8s + CRF | 100.0 | – | **100.0** ± 0.0 | 1,234,567 | 1.5 |",
            "| front-end+basic | 60.0 | 71.4 | **65.7** ± 0.0 | 89 |  |",
            "| front-end+basic + CRF | 60.0 | 71.4 | **65.7** ± 0.0 | 89 |  |",
        }));
    }

    [Test]
    public void ACrfThatWasTrainedHasARowOfItsOwn()
    {
        var config = new CompareConfig { Data = "x", Systems = ["fcn-8s"], Seeds = [1], CrfRnnSteps = 5 };
        ComparedSystem system = ComparedSystem.Parse("fcn-8s");
        CompareScore[] scores = [Score(system, 1, Refinement.None, [50, 50, 0, 100], 60), Score(system, 1, Refinement.CrfRnn, [100, 0, 0, 100], 90)];
        string[] rows = CompareReport.Table(new CompareResult(config, Classes, scores, [7])).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // A weight a kernel and class, and a compatibility of every two classes: 8 more.
        Assert.That(rows[2..], Is.EqualTo(new[] { "| fcn-8s | 50.0 | 66.7 | **58.3** | 7 | 1.0 |", "| fcn-8s + CRF-RNN | 100.0 | 100.0 | **100.0** | 15 | 1.5 |" }));
    }

    [Test]
    public void AClassNameDoesNotEndItsCell()
    {
        var config = new CompareConfig { Data = "x", Systems = ["fcn-8s"], Seeds = [1] };
        var result = new CompareResult(config, Classes with { Names = ["ground", "car|van"] }, [Score(ComparedSystem.Parse("fcn-8s"), 1, Refinement.None, [1, 0, 0, 1], 60)], [1]);
        Assert.That(CompareReport.Table(result), Does.StartWith(@"| system | ground | car\|van | mean |"));
    }

    [TestCase("front-end", "front-end", null)]
    [TestCase(" DeepLab-LargeFOV+Basic", "deeplab-largefov", "basic")]
    [TestCase("front-end+large", "front-end", "large")]
    public void SystemsAreNamedByTheirParts(string text, string trunk, string? context) => Assert.That(ComparedSystem.Parse(text), Is.EqualTo(new ComparedSystem(trunk, context)));

    [TestCase("resnet", "There is no system 'resnet'")]
    [TestCase("front-end+huge", "followed by +basic or +large")]
    [TestCase("front-end+basic+large", "followed by +basic or +large")]
    [TestCase("fcn-8s+basic", "an FCN's scores are as fine as the image")]
    public void OtherSystemsAreRefused(string text, string message) =>
        Assert.That(Assert.Throws<UserInputException>(() => ComparedSystem.Parse(text))!.Message, Does.Contain(message));

    [Test]
    public void PicturesStandSideBySide()
    {
        var mask = new IndexMask(2, 1, [1, 255]);
        RgbImage colors = SideBySide.Colors(mask, new Palette([(1, 2, 3), (4, 5, 6)]));
        Assert.That(colors.Pixels, Is.EqualTo(new byte[] { 4, 5, 6, 255, 255, 255 }));
        RgbImage joined = SideBySide.Join([colors, new RgbImage(1, 1, [7, 8, 9])]);
        Assert.That((joined.Width, joined.Height), Is.EqualTo((7, 1)));
        Assert.That(SideBySide.Blank(colors).Pixels, Is.EqualTo(new byte[] { 255, 255, 255, 255, 255, 255 }));
        Assert.That(joined.Pixels, Is.EqualTo(new byte[] { 4, 5, 6, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 7, 8, 9 }));
    }

    private static CompareScore Score(ComparedSystem system, ulong seed, Refinement refinement, long[] counts, double seconds) =>
        new(system, seed, refinement, ConfusionMatrix.FromCounts(2, counts), seconds);
}
