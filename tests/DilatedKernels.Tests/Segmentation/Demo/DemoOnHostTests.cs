using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Demo;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Demo;

/// <summary>The demo's first steps over the whole GPU path, with the kernels run by the processor.</summary>
[NonParallelizable]
public class DemoOnHostTests
{
    private const int Steps = 20;
    private const ulong Seed = 1;

    [Test]
    public void TwentyStepsFollowTheProcessorAndNoFiberOrder()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        float[] ascending = TrainOnHost(driver!, 0);
        Assert.That(TrainOnHost(driver!, 11), Is.EqualTo(ascending), "a random order of threads and blocks");

        float[] cpu = Train(TestDevices.Cpu(2));
        Assert.That(ascending, Is.EqualTo(cpu).Within(1e-4f));
        Assert.That(cpu[^1], Is.Not.EqualTo(cpu[0]).Within(1e-2f), "the losses move");
    }

    private static float[] TrainOnHost(HostDriver driver, long fiberSeed)
    {
        driver.SetSeed(fiberSeed);
        try
        {
            return Train(HostDevice.Open(driver));
        }
        finally
        {
            driver.SetSeed(0);
        }
    }

    /// <summary>The losses of the demo's first steps; the device is disposed.</summary>
    internal static float[] Train(Device device)
    {
        using (device)
        {
            using SegmentationModel model = SegmentationModel.Create(device, DemoRun.Config(null), Seed);
            using var optimizer = new Adam([.. model.Parameters]);
            var schedule = new PolySchedule((float)DemoRun.LearningRate, 0.9f, new DemoOptions().FrontEndSteps);
            using var training = new TrainingStep(device, model, optimizer, schedule, Seed, LaneScenes.Classes.VoidLabel);
            using var source = new SceneStepSource(model, DemoRun.BatchSize, Seed);
            return [.. Enumerable.Range(0, Steps).Select(step => training.Run(step, source.Get(step)))];
        }
    }
}
