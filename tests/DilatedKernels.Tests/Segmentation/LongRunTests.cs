using System.Diagnostics;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Segmentation;

/// <summary>Thousands of steps and predictions of changing sizes hold no more memory than some hundred: managed, native, and the device's, counted at the driver.</summary>
[NonParallelizable]
public sealed class LongRunTests
{
    // A network that a step of takes a fraction of a millisecond.
    private static readonly ModelConfig s_config = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 2, PoolAfter: true)], FcKernel = 3, FcDilation = 1, FcChannels = 2, Dropout = 0.5f, FinalDeviation = 0.1 },
        Context = ContextConfig.Basic(2) with { Padding = ContextPadding.PerLayer, Noise = 0.1 },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
    };

    [Test]
    public void OnTheProcessor() => OnTheProcessor(rounds: 1000);

    [Test]
    [Explicit("Minutes: ./build.sh test --filter \"Name~TenThousandOn\"")]
    public void TenThousandOnTheProcessor() => OnTheProcessor(rounds: 10_000);

    [Test]
    public void OnTheGpuPath() => OnTheGpuPath(rounds: 120);

    [Test]
    [Explicit("Minutes: ./build.sh test --filter \"Name~TenThousandOn\"")]
    public void TenThousandOnTheGpuPath() => OnTheGpuPath(rounds: 10_000);

    private static void OnTheProcessor(int rounds)
    {
        using Device device = Device.CreateCpu(2);
        Run(device, rounds, () => device.Memory.LiveBytes);
        Assert.That(device.Memory.LiveBuffers, Is.Zero);
    }

    private static void OnTheGpuPath(int rounds)
    {
        HostDriver? host = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(host is not null, BuildPart.Host, reason);
        var driver = new FaultyDriver(host!);
        using Device device = HostDevice.Open(driver);
        Run(device, rounds, () =>
        {
            driver.Opened.Calls.Clear();
            return driver.Opened.LiveBytes;
        });
        device.Dispose();
        Assert.That(driver.Opened.LiveBytes, Is.Zero);
    }

    // A round is a step and a prediction. Every size has come within 72 rounds.
    private static void Run(Device device, int rounds, Func<long> deviceBytes)
    {
        using SegmentationModel model = SegmentationModel.Create(device, s_config, 1);
        using var optimizer = new Adam([.. model.Parameters]);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.001f), 1, voidLabel: 255);
        var predictor = new Predictor(model, tileCells: 3);
        int warm = Math.Max(rounds / 10, 72);
        long most = 0;
        long mostManaged = 0;
        (long Device, long Managed, long Native) early = default;
        for (int round = 0; round < rounds; round++)
        {
            // Every shape twice, so that it is recorded and replayed on the way.
            int height = 1 + (round / 3 % 4);
            int width = 1 + (round / 12 % 2);
            var input = new Shape(1, 3, (2 * model.Margin) + (height * model.Stride), (2 * model.Margin) + (width * model.Stride));
            training.Run(round, new StepInput(input, new float[input.Count], new Size2(height, width), new byte[height * width]));
            predictor.Predict(new RgbImage(1 + (round % 9), 1 + (round % 7), new byte[3 * (1 + (round % 9)) * (1 + (round % 7))]));
            if (round + 1 == warm)
            {
                early = (Math.Max(most, deviceBytes()), GC.GetTotalMemory(forceFullCollection: true), NativeBytes());
            }

            most = Math.Max(most, deviceBytes());
            if (round > warm && round % Math.Max(1, rounds / 20) == 0)
            {
                mostManaged = Math.Max(mostManaged, GC.GetTotalMemory(forceFullCollection: true));
            }
        }

        long native = NativeBytes();
        TestContext.Progress.WriteLine(
            $"{rounds} rounds on {device}: device {early.Device} and {most} bytes, managed {early.Managed >> 10} and {mostManaged >> 10} KiB, process {early.Native >> 20} and {native >> 20} MiB.");
        Assert.That(most, Is.LessThanOrEqualTo(early.Device), "device");
        Assert.That(mostManaged, Is.LessThan(early.Managed + (512 << 10)), "managed");
        Assert.That(native, Is.LessThan(early.Native + (48L << 20)), "the process, whose heaps breathe");
    }

    private static long NativeBytes()
    {
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
