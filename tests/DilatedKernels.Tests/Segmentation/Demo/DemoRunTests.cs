using DilatedKernels.Segmentation.Demo;

namespace DilatedKernels.Tests.Segmentation.Demo;

public class DemoRunTests
{
    [Test]
    public void TheFrontEndIsTooShortSightedForTheCueAndTheContextModuleIsNot()
    {
        using Device device = Device.CreateCpu(2);
        int scenes = 0;
        var stages = new HashSet<string>();
        DemoResult result = new DemoRun(device, new DemoOptions { FrontEndSteps = 1, ContextSteps = 1, HeldBackScenes = 2 })
            .Run((stage, _) => stages.Add(stage), _ => scenes++, CancellationToken.None);
        Assert.That(result.FrontEndReceptiveField, Is.LessThan(LaneScenes.CueDistance));
        Assert.That(result.FinalReceptiveField, Is.GreaterThan(LaneScenes.Size));
        Assert.That(scenes, Is.EqualTo(2));
        Assert.That(stages, Has.Count.EqualTo(3));
        Assert.That(result.Context.Total, Is.EqualTo(2L * LaneScenes.Size * LaneScenes.Size));
        Assert.That(device.Memory.LiveBytes, Is.Zero, "everything the demo made was given back");
    }

    [Test]
    public void OneSeedGivesTheSameScores()
    {
        Assert.That(Scores(1), Is.EqualTo(Scores(2)));

        static IReadOnlyList<double> Scores(int threads)
        {
            using Device device = Device.CreateCpu(threads);
            DemoResult result = new DemoRun(device, new DemoOptions { FrontEndSteps = 6, ContextSteps = 3, HeldBackScenes = 2 }).Run(null, null, CancellationToken.None);
            return [.. result.FrontEnd.ToArray().Cast<long>().Concat(result.Context.ToArray().Cast<long>()).Select(n => (double)n)];
        }
    }
}
