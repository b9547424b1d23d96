using DilatedKernels.Measuring;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Bench;

/// <summary>What is timed is right on every device, and what is wrong is never timed.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class BenchCaseTests(Device device)
{
    private static IEnumerable<(BenchShape Shape, string Pass)> Small =>
        ShapeList.BuiltIn().Select("small", null).SelectMany(shape => shape.Passes.Select(pass => (shape, pass)));

    [Test]
    public void TheSmallShapesAreRight([Values] ElementType type)
    {
        foreach ((BenchShape shape, string pass) in Small)
        {
            using BenchCase work = BenchCase.Create(device, shape, pass, type);
            Assert.That(work.Check, Throws.Nothing, $"{shape.Name}, {pass}, {type}");
        }
    }

    [Test]
    public void SamplesAreAsManyAsAskedForAndTakeTime()
    {
        using var measurer = new Measurer(device, new MeasuringOptions { WarmUp = TimeSpan.Zero, Duration = TimeSpan.Zero, MinimumSamples = 3, Group = TimeSpan.Zero });
        (BenchShape shape, string pass) = Small.First();
        Measurement measurement = measurer.Measure(shape, pass);
        Assert.That(measurement.Milliseconds, Has.Count.EqualTo(3));
        Assert.That(measurement.Milliseconds, Has.All.GreaterThanOrEqualTo(0));
        Assert.That(measurement.Flops, Is.EqualTo(2L * shape.Batch * shape.Out * 17 * 17 * shape.Channels * 9));
    }

    /// <summary>On GPUs what is timed is the replay of a recording, as the peers' is; nothing among these keeps one from being made, and a convolution's is right.</summary>
    [Test]
    public void EveryCaseIsReplayedOnAGpu([Values] ElementType type)
    {
        foreach ((BenchShape shape, string pass) in Small)
        {
            using BenchCase work = BenchCase.Create(device, shape, pass, type);
            using var replayed = new ReplayedCase(work);
            Assert.That(replayed.WhyNotRecorded, device.IsCpu ? Is.Null : Is.Empty, $"{shape.Name}, {pass}, {type}");
            replayed.Run();
            if (shape.Operator == BenchOperator.Conv2d)
            {
                work.Instead = replayed.Run;
                Assert.That(work.Check, Throws.Nothing, $"{shape.Name}, {pass}, {type}");
            }
        }
    }

    [Test]
    public void CancellingEndsIt()
    {
        using var measurer = new Measurer(device, new MeasuringOptions());
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        (BenchShape shape, string pass) = Small.First();
        Assert.That(() => measurer.Measure(shape, pass, cancellation: cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
    }
}

/// <summary>The check itself.</summary>
internal sealed class SampleCheckTests
{
    [TestCase(2e-5, false)]
    [TestCase(0.5e-5, true)]
    [TestCase(double.NaN, false)]
    public void MoreThanTheToleranceIsWrong(double error, bool passes)
    {
        double[] expected = [3, -4];
        double[] actual = [3, -4 + (5 * error)];
        Assert.That(
            () => SampleCheck.Compare(actual, expected, "it"),
            passes ? Throws.Nothing : (NUnit.Framework.Constraints.IResolveConstraint)Throws.TypeOf<WrongResultException>().With.Message.StartsWith("it is wrong"));
    }

    [Test]
    public void OneWrongElementOfASampleIsFound()
    {
        using Tensor tensor = Tensor.FromChannelsLast(Device.Cpu, new Shape(1, 2, 3, 4), [.. Enumerable.Range(1, 24).Select(i => (float)i)]);
        static double Definition(SampleCheck.Position p) => (((p.H * 4) + p.W) * 2) + p.C + 1;
        Assert.That(() => SampleCheck.Elements(tensor, "it", Definition), Throws.Nothing);
        Assert.That(() => SampleCheck.Elements(tensor, "it", p => Definition(p) + (p is { H: 2, W: 3, C: 1 } ? 0.01 : 0)), Throws.TypeOf<WrongResultException>());
    }
}
