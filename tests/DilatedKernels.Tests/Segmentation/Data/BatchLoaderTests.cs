using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

public class BatchLoaderTests
{
    private static readonly CropOptions Small = new() { Crop = new Size2(20, 24), Margin = 4, Stride = 4, Seed = 5, BatchSize = 3 };

    private TestDataset _data;
    private DatasetFolder _folder;
    private IReadOnlyList<Sample> _samples;

    [OneTimeSetUp]
    public void CreateDataset()
    {
        _data = new TestDataset();
        // Larger than the crops' interior, smaller along one axis or both, and smaller than the margin.
        _data.Add("a", 33, 29).Add("b", 16, 12).Add("c", 9, 40).Add("d", 7, 5).Add("e", 2, 1).Add("f", 50, 31).Add("g", 24, 20);
        _folder = DatasetFolder.Open(_data.Root);
        _samples = _folder.Split("train");
    }

    [OneTimeTearDown]
    public void DeleteDataset() => _data.Dispose();

    [TestCase(20, 24, 4, 4)]
    [TestCase(21, 9, 0, 3)]
    [TestCase(40, 48, 16, 8)]
    [TestCase(7, 8, 3, 1)]
    public void CropsAreThoseCutFromTheWholePaddedImage(int height, int width, int margin, int stride)
    {
        foreach (LabelResolution resolution in Enum.GetValues<LabelResolution>())
        {
            CropOptions options = new() { Crop = new Size2(height, width), Margin = margin, Stride = stride, Labels = resolution, Seed = 8, BatchSize = 2 };
            CropPlan plan = new(_samples.Count, options);
            using BatchLoader loader = new(_samples, _folder.Classes, options);
            for (int step = 0; step < 14; step++)
            {
                TrainingBatch batch = loader.Get(step);
                Assert.That((batch.N, batch.H, batch.W), Is.EqualTo((2, height, width)));
                for (int k = 0; k < 2; k++)
                {
                    long draw = (2 * step) + k;
                    Sample sample = _samples[plan.SampleOf(draw)];
                    Assert.That(batch.Names[k], Is.EqualTo(sample.Name));
                    PaddedCrop expected = new(sample, plan, draw, options, _folder.Classes);
                    Assert.That(batch.Images.Skip(k * height * width * 3).Take(height * width * 3), Is.EqualTo(expected.Image), sample.Name);
                    int labels = batch.LabelHeight * batch.LabelWidth;
                    Assert.That(batch.Labels.Skip(k * labels).Take(labels), Is.EqualTo(expected.Labels), sample.Name);
                }
            }
        }
    }

    [Test]
    public void LabelsStayOnTheirPixelsThroughMirroring()
    {
        CropOptions options = Small with { Labels = LabelResolution.Full, BatchSize = 1 };
        CropPlan plan = new(_samples.Count, options);
        using BatchLoader loader = new(_samples, _folder.Classes, options);
        int[] compared = [0, 0];
        for (int step = 0; step < 60; step++)
        {
            TrainingBatch batch = loader.Get(step);
            int mirrored = plan.PlacementOf(step, SizeOf(batch.Names[0])).Mirror ? 1 : 0;
            for (int i = 0; i < batch.Labels.Length; i++)
            {
                int y = options.Margin + (i / batch.LabelWidth), x = options.Margin + (i % batch.LabelWidth);
                int red = (int)Math.Round(batch.Images[(((y * batch.W) + x) * 3) + 2] + _folder.Classes.MeanBgr.R);
                if (batch.Labels[i] != 9)
                {
                    Assert.That(batch.Labels[i], Is.EqualTo(TestDataset.LabelOf(red)));
                    compared[mirrored]++;
                }
            }
        }

        Assert.That(compared, Has.All.GreaterThan(1000));
    }

    [Test]
    public void AStepIsTheSameWhateverWasLoadedBeforeAndByHowManyThreads()
    {
        const int steps = 24;
        TrainingBatch[] reference = new TrainingBatch[steps];
        using (BatchLoader inOrder = new(_samples, _folder.Classes, Small))
        {
            for (int step = 0; step < steps; step++)
            {
                reference[step] = inOrder.Get(step);
            }
        }

        int[] order = [.. Enumerable.Range(0, steps)];
        new Random(2).Shuffle(order);
        foreach ((int ahead, int threads, long cache) in new[] { (0, 1, 0L), (5, 3, 0L), (3, 2, 4000L), (7, 4, 1L << 30) })
        {
            using BatchLoader loader = new(_samples, _folder.Classes, Small, ahead, threads, cache);
            foreach (int step in order.Concat(order.Take(3)))
            {
                AssertSame(loader.Get(step), reference[step]);
            }
        }

        using BatchLoader shared = new(_samples, _folder.Classes, Small, ahead: 2, threads: 2);
        Parallel.For(0, steps, new ParallelOptions { MaxDegreeOfParallelism = 4 }, step => AssertSame(shared.Get(step), reference[step]));
    }

    [Test]
    public void AnotherSeedGivesOtherBatches()
    {
        using BatchLoader one = new(_samples, _folder.Classes, Small);
        using BatchLoader other = new(_samples, _folder.Classes, Small with { Seed = 6 });
        Assert.That(other.Get(0).Images, Is.Not.EqualTo(one.Get(0).Images));
    }

    [Test]
    public void ADamagedFileIsNamedWhereItIsUsedAndOtherStepsStillLoad()
    {
        using TestDataset data = new();
        data.Add("good", 30, 30).Add("wrong", 30, 30);
        string image = data.Folder.Write("train/wrong.png", "not an image");
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        CropOptions options = Small with { BatchSize = 1 };
        CropPlan plan = new(2, options);
        using BatchLoader loader = new(folder.Split("train"), folder.Classes, options, ahead: 3, threads: 2);
        for (int repeat = 0; repeat < 2; repeat++)
        {
            for (int step = 0; step < 6; step++)
            {
                if (plan.SampleOf(step) == 0)
                {
                    Assert.That(loader.Get(step).Names, Is.EqualTo(new[] { "good" }));
                }
                else
                {
                    Assert.That(() => loader.Get(step), Throws.TypeOf<ImageFormatException>().With.Message.StartsWith(image));
                }
            }
        }
    }

    [Test]
    public void AMaskThatDoesNotFitIsNamed()
    {
        using TestDataset data = new();
        data.Add("a", 30, 30);
        DatasetFolder folder = DatasetFolder.Open(data.Root);
        string mask = data.Folder["trainannot/a.png"];
        using BatchLoader loader = new(folder.Split("train"), folder.Classes, Small, ahead: 0);
        MaskFile.Write(mask, new IndexMask(30, 29), Palette.Voc);
        Assert.That(() => loader.Get(0), Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{mask}: the mask is 30×29"));
        MaskFile.Write(mask, new IndexMask(30, 30, [.. Enumerable.Repeat((byte)7, 900)]), Palette.Voc);
        Assert.That(() => loader.Get(0), Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{mask}: the pixel at x 0, y 0 has the label 7"));
    }

    [Test]
    public void WhatCannotBeTrainedOnIsRefusedAtOnce()
    {
        Assert.That(() => new BatchLoader([], _folder.Classes, Small), Throws.TypeOf<UserInputException>());
        Assert.That(() => new BatchLoader([new Sample("bare", "bare.png", null)], _folder.Classes, Small), Throws.TypeOf<UserInputException>().With.Message.Contains("bare.png"));
        Assert.That(() => new BatchLoader(_samples, _folder.Classes, Small with { Crop = 21 }), Throws.TypeOf<UserInputException>());
        using BatchLoader loader = new(_samples, _folder.Classes, Small);
        Assert.That(() => loader.Get(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => loader.Get(long.MaxValue), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(loader.Get(1L << 32).N, Is.EqualTo(3));
    }

    [Test]
    public void DisposingEndsWaitingAndLaterCalls()
    {
        for (int round = 0; round < 20; round++)
        {
            BatchLoader loader = new(_samples, _folder.Classes, Small, ahead: 4, threads: 2);
            using ManualResetEventSlim running = new();
            Task consumer = Task.Factory.StartNew(
                () =>
                {
                    for (long step = 0; ; step++)
                    {
                        loader.Get(step);
                        running.Set();
                    }
                },
                TaskCreationOptions.LongRunning);
            running.Wait();
            loader.Dispose();
            loader.Dispose();
            Assert.That(async () => await consumer, Throws.TypeOf<ObjectDisposedException>());
            Assert.That(() => loader.Get(0), Throws.TypeOf<ObjectDisposedException>());
        }
    }

    private static void AssertSame(TrainingBatch actual, TrainingBatch expected)
    {
        Assert.That(actual.Names, Is.EqualTo(expected.Names));
        Assert.That(actual.Images.AsSpan().SequenceEqual(expected.Images), "images");
        Assert.That(actual.Labels.AsSpan().SequenceEqual(expected.Labels), "labels");
    }

    private Size2 SizeOf(string name)
    {
        (int width, int height) = ImageFile.ReadSize(_samples.Single(sample => sample.Name == name).ImagePath);
        return new Size2(height, width);
    }
}
