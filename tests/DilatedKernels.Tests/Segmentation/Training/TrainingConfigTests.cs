using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>What a configuration is refused for; the message names the option, what it was, and what it may be.</summary>
public sealed class TrainingConfigTests
{
    private static readonly TrainingConfig s_config = new()
    {
        Model = new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(3, 4) },
        Data = "x",
    };

    [Test]
    public void TheDefaultsAreUsable() => Assert.That(s_config.Validate, Throws.Nothing);

    [TestCase(-1)]
    [TestCase(1001)]
    public void AWarmUpLiesWithinTheRun(long steps) => Refuses(
        s_config with { Optimizer = new OptimizerConfig { WarmUp = steps } }, $"(--warm-up) has 0 steps or more, and no more than the run's 1000; it was {steps}.");

    [TestCase(0)]
    [TestCase(-0.5)]
    [TestCase(1e-60)]
    [TestCase(1e60)]
    [TestCase(double.NaN)]
    public void AClippedLengthIsPositive(double norm) => Refuses(
        s_config with { Optimizer = new OptimizerConfig { ClipNorm = norm } }, $"(--clip-norm) is above 0 and finite; it was {norm}.");

    [TestCase(0)]
    [TestCase(-3)]
    public void AStepHasABatchOrMore(int batches) => Refuses(s_config with { Accumulate = batches }, $"1 batch or more (--accumulate); it was {batches}.");

    [Test]
    public void AStepsImagesCanBeCounted() => Refuses(
        s_config with { Accumulate = int.MaxValue, BatchSize = 3 }, "at most 16777216 images; 2147483647 batches (--accumulate) of 3 (--batch) are 6442450941.");

    [Test]
    public void AnEarlyStopNeedsValidations()
    {
        Refuses(s_config with { EarlyStop = -1 }, "(--early-stop) are 0 or more; they were -1.");
        Refuses(s_config with { EarlyStop = 1, ValidationSplit = null }, "needs a split to validate on (--val-split)");
        Refuses(s_config with { EarlyStop = 1, ValidateEvery = 0 }, "must validate before its end (--validate-every)");
    }

    [Test]
    public void StoredScoreMapsAreNotAugmented() => Refuses(
        s_config with { Recipe = Recipe.Context, Model = s_config.Model with { Context = ContextConfig.Basic(3) }, Augmentation = new AugmentationConfig { MostScale = 2 } },
        "(--scale, --jitter), compute the maps on every crop (--score-maps live)");

    private static IEnumerable<TestCaseData> WrongLosses()
    {
        yield return new TestCaseData(new LossConfig { Kind = LossKind.Focal, FocalGamma = -1 }, "(--focal-gamma) is 0 or more and below 1e6; it was -1.");
        yield return new TestCaseData(new LossConfig { Kind = LossKind.Focal, FocalGamma = double.NaN }, "(--focal-gamma)");
        yield return new TestCaseData(new LossConfig { Kind = LossKind.Dice, Weighting = ClassWeighting.MedianFrequency }, "The Dice loss counts every class the same");
        yield return new TestCaseData(new LossConfig { Weighting = ClassWeighting.Given }, "are given, but has none");
        yield return new TestCaseData(new LossConfig { ClassWeights = [1, 1, 1] }, "no weighting of classes that uses them");
        yield return new TestCaseData(Weighted(1, 2), "3 are needed; there were 2.");
        yield return new TestCaseData(Weighted(1, -2, 1), "0 or more and below 1e6; one was -2.");
        yield return new TestCaseData(Weighted(1, double.NaN, 1), "(--class-weights) is 0 or more");
        yield return new TestCaseData(Weighted(0, 0, 0), "At least one class weight");
        yield return new TestCaseData(new LossConfig { Kind = (LossKind)9 }, "a loss or a weighting of classes that does not exist");

        static LossConfig Weighted(params double[] weights) => new() { Weighting = ClassWeighting.Given, ClassWeights = weights };
    }

    [TestCaseSource(nameof(WrongLosses))]
    public void ALossThatCannotBeComputedIsRefused(LossConfig loss, string message) => Refuses(s_config with { Loss = loss }, message);

    private static void Refuses(TrainingConfig config, string message) =>
        Assert.That(config.Validate, Throws.TypeOf<UserInputException>().With.Message.Contains(message));
}
