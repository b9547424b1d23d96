using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Tests.Segmentation.Metrics;

public class ConfusionMatrixTests
{
    [Test]
    public void ScoresAreThoseComputedByHand()
    {
        ConfusionMatrix matrix = new(4);
        matrix.Add([0, 0, 0, 0, 1, 1, 1, 2, 255, 255], [0, 0, 0, 1, 1, 1, 0, 0, 2, 3], voidLabel: 255);
        // Rows are the truth: 3 1 0 0 / 1 2 0 0 / 1 0 0 0 / 0 0 0 0; the void pixels' predictions 2 and 3 do not count.
        Assert.Multiple(() =>
        {
            Assert.That(matrix.ToArray(), Is.EqualTo(new long[,] { { 3, 1, 0, 0 }, { 1, 2, 0, 0 }, { 1, 0, 0, 0 }, { 0, 0, 0, 0 } }));
            Assert.That(matrix[0, 1], Is.EqualTo(1));
            Assert.That(matrix.IoU(0), Is.EqualTo(3.0 / 6));
            Assert.That(matrix.IoU(1), Is.EqualTo(2.0 / 4));
            Assert.That(matrix.IoU(2), Is.Zero);
            Assert.That(matrix.IoU(3), Is.NaN);
            Assert.That(matrix.PerClassIoU(), Is.EqualTo(new[] { 0.5, 0.5, 0, double.NaN }));
            Assert.That(matrix.AbsentClasses, Is.EqualTo(new[] { 3 }));
            Assert.That(matrix.MeanIoU, Is.EqualTo(1.0 / 3));
            Assert.That(matrix.PixelAccuracy, Is.EqualTo(5.0 / 8));
            Assert.That(matrix.Total, Is.EqualTo(8));
        });
    }

    [Test]
    public void AClassThatIsOnlyPredictedIsPresentWithScoreZero()
    {
        ConfusionMatrix matrix = new(3);
        matrix.Add([0, 0], [0, 1], voidLabel: 255);
        Assert.That(matrix.PerClassIoU(), Is.EqualTo(new[] { 0.5, 0, double.NaN }));
        Assert.That(matrix.MeanIoU, Is.EqualTo(0.25));
    }

    [Test]
    public void AnEmptyMatrixHasNoScores()
    {
        ConfusionMatrix matrix = new(2);
        matrix.Add([9, 9], [0, 1], voidLabel: 9);
        Assert.That(matrix.MeanIoU, Is.NaN);
        Assert.That(matrix.PixelAccuracy, Is.NaN);
        Assert.That(matrix.AbsentClasses, Is.EqualTo(new[] { 0, 1 }));
    }

    [Test]
    public void OneMatrixOverTheSetEqualsSetsOfPixels()
    {
        Random random = new(7);
        ConfusionMatrix whole = new(5), first = new(5), second = new(5);
        List<(byte Truth, byte Prediction)> pixels = [];
        for (int image = 0; image < 6; image++)
        {
            IndexMask truth = new(9, 7), prediction = new(9, 7);
            for (int i = 0; i < truth.Indices.Length; i++)
            {
                truth.Indices[i] = (byte)(random.Next(6) == 0 ? 11 : random.Next(4));
                prediction.Indices[i] = (byte)random.Next(5);
                pixels.Add((truth.Indices[i], prediction.Indices[i]));
            }

            whole.Add(truth, prediction, voidLabel: 11);
            (image < 2 ? first : second).Add(truth, prediction, voidLabel: 11);
        }

        first.Merge(second);
        Assert.That(first.ToArray(), Is.EqualTo(whole.ToArray()));
        (byte Truth, byte Prediction)[] valid = [.. pixels.Where(pixel => pixel.Truth != 11)];
        for (int c = 0; c < 5; c++)
        {
            double both = valid.Count(pixel => pixel.Truth == c && pixel.Prediction == c);
            double either = valid.Count(pixel => pixel.Truth == c || pixel.Prediction == c);
            Assert.That(whole.IoU(c), Is.EqualTo(both / either));
        }
    }

    [Test]
    public void CountsPass32Bits()
    {
        ConfusionMatrix matrix = new(2);
        matrix.Add([0, 1, 1], [0, 0, 1], voidLabel: 255);
        for (int doubling = 0; doubling < 40; doubling++)
        {
            matrix.Merge(matrix);
        }

        Assert.That(matrix.Total, Is.EqualTo(3L << 40));
        Assert.That(matrix.MeanIoU, Is.EqualTo(0.5));
    }

    [Test]
    public void WrongLabelsAreNamedAndNothingIsCounted()
    {
        ConfusionMatrix matrix = new(3);
        Assert.Multiple(() =>
        {
            Assert.That(() => matrix.Add([0, 3], [0, 0], 255), Throws.ArgumentException.With.Message.StartsWith("Pixel 1 has the true label 3; classes are 0 to 2 and void is 255."));
            Assert.That(() => matrix.Add([0, 2], [0, 255], 255), Throws.ArgumentException.With.Message.StartsWith("Pixel 1 has the predicted label 255; classes are 0 to 2."));
            Assert.That(() => matrix.Add([0, 2], [0], 255), Throws.ArgumentException);
            Assert.That(() => matrix.Add(new IndexMask(2, 3), new IndexMask(3, 2), 255), Throws.ArgumentException.With.Message.Contains("3×2"));
            Assert.That(() => matrix.Merge(new ConfusionMatrix(2)), Throws.ArgumentException);
            Assert.That(() => matrix.IoU(3), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => new ConfusionMatrix(0), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(matrix.Total, Is.Zero);
        });
    }

    [Test]
    public void TakesOneClassToAsManyAsAByteNames()
    {
        ConfusionMatrix one = new(1);
        one.Add([0, 0, 255], [0, 0, 0], voidLabel: 255);
        Assert.That((one.MeanIoU, one.PixelAccuracy, one.Total), Is.EqualTo((1.0, 1.0, 2L)));
        ConfusionMatrix most = new(256);
        most.Add([255, 255], [255, 0], voidLabel: -1);
        Assert.That(most[255, 0], Is.EqualTo(1));
        Assert.That(() => new ConfusionMatrix(257), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void CountsTakenBeforeAreChecked()
    {
        Assert.That(ConfusionMatrix.FromCounts(2, [3, 0, 1, 4]).ToArray(), Is.EqualTo(new long[,] { { 3, 0 }, { 1, 4 } }));
        Assert.That(() => ConfusionMatrix.FromCounts(2, [3, 0, 1]), Throws.ArgumentException.With.Message.Contains("has 4 counts of 0 or more; these are 3"));
        Assert.That(() => ConfusionMatrix.FromCounts(2, [3, 0, -1, 4]), Throws.ArgumentException);
        Assert.That(() => ConfusionMatrix.FromCounts(2, [3, 0, long.MinValue, 4]), Throws.ArgumentException);
    }

    [Test]
    public void ClassesOutsideAndMasksOfAnotherExtentAreRefused()
    {
        ConfusionMatrix matrix = new(3);
        foreach (int label in (int[])[-1, 3])
        {
            Assert.That(() => matrix[label, 1], Throws.InstanceOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo("truth"));
            Assert.That(() => matrix[1, label], Throws.InstanceOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo("prediction"));
            Assert.That(() => matrix.IoU(label), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Property("ParamName").EqualTo("label"));
        }

        IndexMask mask = new(2, 3);
        Assert.That(() => matrix.Add(mask, new IndexMask(3, 3), 255), Throws.ArgumentException.With.Message.Contains("3×3"));
        Assert.That(() => matrix.Add(mask, new IndexMask(2, 2), 255), Throws.ArgumentException.With.Message.Contains("2×2"));
        Assert.That(() => matrix.Add(null!, mask, 255), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("truth"));
        Assert.That(() => matrix.Add(mask, null!, 255), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("prediction"));
        Assert.That(() => matrix.Merge(null!), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("other"));
    }
}
