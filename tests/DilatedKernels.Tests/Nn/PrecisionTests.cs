using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Nn;

/// <summary>A network whose activations are bfloat16 learns as one in float32 does, in half the memory, and to the same bits every time.</summary>
[NonParallelizable]
public class PrecisionTests
{
    private const int Steps = 12;
    private const int Classes = 5;
    private const int Size = 24;

    [Test]
    public void LossesFollowThoseOfFloat32OnTheProcessor() => LossesFollow(() => TestDevices.Cpu(2));

    [Test]
    public void LossesFollowThoseOfFloat32OnTheHostDriver()
    {
        HostDriver driver = Host();
        LossesFollow(() => HostDevice.Open(driver));
    }

    [Test]
    public void EveryRunAndThreadCountGivesTheSameBits()
    {
        uint[] first = TrainedBits(TestDevices.Cpu(1));
        Assert.That(TrainedBits(TestDevices.Cpu(1)), Is.EqualTo(first), "a second run");
        Assert.That(TrainedBits(TestDevices.Cpu(3)), Is.EqualTo(first), "three threads");
    }

    [Test]
    public void EveryFiberOrderGivesTheSameBits()
    {
        HostDriver driver = Host();
        uint[] ascending = TrainedBits(HostDevice.Open(driver));
        driver.SetSeed(7);
        try
        {
            Assert.That(TrainedBits(HostDevice.Open(driver)), Is.EqualTo(ascending));
        }
        finally
        {
            driver.SetSeed(0);
        }
    }

    /// <summary>
    /// What a step holds between its passes; the winners of max-pooling are bytes in either type. The processor needs float32 scratch besides, for one
    /// operation at a time.
    /// </summary>
    [Test]
    public void ActivationsTakeHalfTheMemoryOnTheProcessor() =>
        Assert.That((double)BytesAfterForward(ElementType.BFloat16) / BytesAfterForward(ElementType.Float32), Is.InRange(0.5, 0.54));

    /// <summary>All of a step: float32 scores and partial sums of weight gradients too, which are a large part beside maps as small as these.</summary>
    [Test]
    public void AStepPeaksAtHalfTheMemoryOnTheCudaBackend()
    {
        HostDriver driver = Host();
        Assert.That((double)PeakBytes(driver, ElementType.BFloat16) / PeakBytes(driver, ElementType.Float32), Is.InRange(0.5, 0.65));
    }

    private static HostDriver Host()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        return driver!;
    }

    private static void LossesFollow(Func<Device> open)
    {
        float[] wide = Train(open(), ElementType.Float32).Losses;
        float[] narrow = Train(open(), ElementType.BFloat16).Losses;
        Assert.That(wide[^1], Is.LessThan(0.9f * wide[0]).And.Positive, "float32 learns");
        Assert.That(narrow, Is.Not.EqualTo(wide));
        for (int step = 0; step < Steps; step++)
        {
            Assert.That(narrow[step], Is.EqualTo(wide[step]).Within(0.01f * wide[0]), $"step {step}");
        }
    }

    private static uint[] TrainedBits(Device device)
    {
        (float[] losses, float[] weights) = Train(device, ElementType.BFloat16);
        return [.. losses.Concat(weights).Select(BitConverter.SingleToUInt32Bits)];
    }

    private static (float[] Losses, float[] Weights) Train(Device device, ElementType type)
    {
        using (device)
        {
            using Sequential network = Network(device, type);
            using var optimizer = new Sgd([.. network.Parameters], momentum: 0.9f);
            using Tensor images = Images(device, 2);
            using LabelMap labels = Labels(device, 2);
            float[] losses = [.. Enumerable.Range(0, Steps).Select(step =>
            {
                using Tape tape = Tape.Record();
                Tensor loss = Ops.SoftmaxCrossEntropy(network.Forward(images, ForwardContext.Training(1, (ulong)step)), labels);
                tape.Backward(loss);
                optimizer.Step(0.05f);
                optimizer.ClearGradients();
                return loss.Item();
            })];
            return (losses, [.. network.Parameters.SelectMany(parameter => parameter.Value.ToArray())]);
        }
    }

    private static long BytesAfterForward(ElementType type)
    {
        using Device device = TestDevices.Cpu(1);
        using Sequential network = Network(device, type);
        using Tensor images = Images(device, 4);
        long before = device.Memory.LiveBytes;
        using Tape tape = Tape.Record();
        Tensor scores = network.Layers.SkipLast(1).Aggregate(images, (x, layer) => layer.Forward(x, ForwardContext.Training(1, 1)));
        Assert.That(scores.ElementType, Is.EqualTo(type));
        return device.Memory.LiveBytes - before;
    }

    private static long PeakBytes(HostDriver driver, ElementType type)
    {
        using Device device = HostDevice.Open(driver);
        using Sequential network = Network(device, type);
        using Tensor images = Images(device, 4);
        using LabelMap labels = Labels(device, 4);
        long before = device.Memory.LiveBytes;
        using Tape tape = Tape.Record();
        tape.Backward(Ops.SoftmaxCrossEntropy(network.Forward(images, ForwardContext.Training(1, 1)), labels));
        return device.Memory.PeakBytes - before;
    }

    /// <summary>Every layer that networks are built from, convolutions with odd channels and multiples of eight.</summary>
    private static Sequential Network(Device device, ElementType type)
    {
        var network = new Sequential(
            new CastLayer(type),
            new ReflectionPadLayer(1),
            new Conv2dLayer(device, "conv1", 3, 16, 3, relu: true),
            new Conv2dLayer(device, "conv2", 16, 24, 3, new Conv2dOptions { Padding = 1 }, relu: true),
            new MaxPool2dLayer(2, 2),
            new Conv2dLayer(device, "conv3", 24, 21, 3, new Conv2dOptions { Dilation = 2, Padding = 2 }, relu: true),
            new DropoutLayer(0.1f, 1),
            new Conv2dLayer(device, "conv4", 21, 24, 3, new Conv2dOptions { Dilation = 4, Padding = 4 }, relu: true),
            new Conv2dLayer(device, "final", 24, Classes, 1),
            new BilinearDeconvolutionLayer(2),
            new ScaleLayer(0.5f),
            new CastLayer(ElementType.Float32));
        foreach (Conv2dLayer layer in network.Layers.OfType<Conv2dLayer>())
        {
            Initialization.He(layer.Weight, 1);
        }

        return network;
    }

    private static Tensor Images(Device device, int batch) => Array4.Random(new Shape(batch, 3, Size, Size), "images").ToTensor(device);

    // Quarters of the image, so that there is something to learn.
    private static LabelMap Labels(Device device, int batch) => LabelMap.FromArray(
        device, batch, Size, Size, [.. Enumerable.Range(0, batch * Size * Size).Select(i => (byte)((i / Size % Size / 12 * 2) + (i % Size / 12)))]);
}
