using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Segmentation;

/// <summary>Every network, trained some steps and predicting: the same bits from run to run, for every number of threads, and in every order of a kernel's threads and blocks.</summary>
[NonParallelizable]
public sealed class SameBitsTests
{
    private const int Classes = 3;
    private const int Steps = 3;
    private const double Width = 1.0 / 64;

    private static IEnumerable<TestCaseData> Networks()
    {
        ModelConfig frontEnd = new()
        {
            Name = "front end",
            FrontEnd = new FrontEndConfig { Classes = Classes, Stages = [new Stage(2, 5, PoolAfter: true), new Stage(1, 6, PoolAfter: false)], FcKernel = 3, FcDilation = 2, FcChannels = 7, FinalDeviation = 0.1 },
        };
        yield return Case(frontEnd, 4);
        yield return Case(frontEnd with { Name = "front end + Basic", Context = ContextConfig.Basic(Classes) with { Padding = ContextPadding.PerLayer, Noise = 0.1 } }, 4);
        yield return Case(frontEnd with { Name = "front end + Large", Context = ContextConfig.Large(Classes) with { Padding = ContextPadding.PerLayer } }, 4);
        foreach (int stride in (int[])[32, 16, 8])
        {
            yield return Case(new ModelConfig { Name = $"fcn-{stride}s", Fcn = new FcnConfig { Classes = Classes, WidthMultiplier = Width, Stride = stride, LearnUpsampling = stride < 32 } }, 33);
        }

        yield return Case(new ModelConfig { Name = "deeplab", DeepLab = DeepLabConfig.Base(Classes, Width) }, 33);
        yield return Case(new ModelConfig { Name = "deeplab-7x7", DeepLab = DeepLabConfig.SevenBySeven(Classes, Width) }, 33);
        yield return Case(new ModelConfig { Name = "deeplab-largefov", DeepLab = DeepLabConfig.LargeFov(Classes, Width) }, 33);
        yield return Case(new ModelConfig { Name = "deeplab-msc-largefov", DeepLab = DeepLabConfig.LargeFov(Classes, Width) with { MultiScale = true } }, 33);

        static TestCaseData Case(ModelConfig config, int extent) => new TestCaseData(config with { InputScale = 1.0 / 64, MeanBgr = [80, 90, 100] }, extent).SetArgDisplayNames(config.Name);
    }

    [TestCaseSource(nameof(Networks))]
    public void OnTheProcessor(ModelConfig config, int extent)
    {
        uint[] one = Bits(Device.CreateCpu(1), config, extent);
        Assert.That(one.Distinct().Count(), Is.GreaterThan(100), "there is something to compare");
        Assert.That(Bits(Device.CreateCpu(1), config, extent), Is.EqualTo(one), "another run");
        Assert.That(Bits(Device.CreateCpu(2), config, extent), Is.EqualTo(one), "two threads");
        Assert.That(Bits(Device.CreateCpu(3), config, extent), Is.EqualTo(one), "three threads");
    }

    [TestCaseSource(nameof(Networks))]
    public void OnTheGpuPath(ModelConfig config, int extent)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        try
        {
            uint[] ascending = Bits(HostDevice.Open(driver!), config, extent);
            driver!.SetSeed(1);
            Assert.That(Bits(HostDevice.Open(driver), config, extent), Is.EqualTo(ascending), "descending");
            driver.SetSeed(7);
            Assert.That(Bits(HostDevice.Open(driver), config, extent), Is.EqualTo(ascending), "random");
        }
        finally
        {
            driver!.SetSeed(0);
        }
    }

    [Test]
    public void TheLossesOnTheProcessor([Values] LossKind kind)
    {
        uint[] one = LossBits(Device.CreateCpu(1), kind);
        Assert.That(LossBits(Device.CreateCpu(2), kind), Is.EqualTo(one), "two threads");
        Assert.That(LossBits(Device.CreateCpu(3), kind), Is.EqualTo(one), "three threads");
    }

    [Test]
    public void TheLossesOnTheGpuPath([Values] LossKind kind)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        try
        {
            uint[] ascending = LossBits(HostDevice.Open(driver!), kind);
            driver!.SetSeed(1);
            Assert.That(LossBits(HostDevice.Open(driver), kind), Is.EqualTo(ascending), "descending");
            driver.SetSeed(7);
            Assert.That(LossBits(HostDevice.Open(driver), kind), Is.EqualTo(ascending), "random");
        }
        finally
        {
            driver!.SetSeed(0);
        }
    }

    [TestCase(CrfKernel.Exact)]
    [TestCase(CrfKernel.Lattice)]
    public void TheDenseCrf(CrfKernel kernel)
    {
        RgbImage image = Noise(23, 17);
        float[] values = [.. Enumerable.Range(0, 23 * 17).SelectMany(i => i % 3 == 0 ? (float[])[0.5f, 0.25f, 0.25f] : [0.2f, 0.2f, 0.6f])];
        float[] one = Refine(1);
        Assert.That(Refine(1), Is.EqualTo(one), "another run");
        Assert.That(Refine(2), Is.EqualTo(one), "two threads");
        Assert.That(Refine(3), Is.EqualTo(one), "three threads");

        float[] Refine(int threads) =>
            new DenseCrf(new DenseCrfConfig { Kernel = kernel }, threads).Refine(image, new ProbabilityMap(23, 17, Classes, [.. values])).Values.ToArray();
    }

    [Test]
    public void ANetworkWithACrf([Values] CrfKernel kernel)
    {
        float[] one = Train(1);
        Assert.That(Train(1), Is.EqualTo(one), "another run");
        Assert.That(Train(2), Is.EqualTo(one), "two threads");
        Assert.That(Train(3), Is.EqualTo(one), "three threads");

        float[] Train(int threads)
        {
            using Device device = Device.CreateCpu(threads);
            using var layer = new Conv2dLayer(device, "scores", 3, Classes, 3, new Conv2dOptions { Padding = 1 });
            Initialization.He(layer.Weight, 1);
            using var crf = new CrfRnn(device, new CrfRnnConfig { Classes = Classes, Kernel = kernel, TrainingIterations = 3 }, threads: threads);
            using var optimizer = new Sgd([.. layer.Parameters, .. crf.Parameters]);
            using Tensor image = Tensor.FromChannelsLast(device, new Shape(2, 3, 11, 13), Values(2 * 3 * 11 * 13, 3, 40));
            using LabelMap labels = LabelMap.FromArray(device, 2, 11, 13, [.. Enumerable.Range(0, 2 * 11 * 13).Select(i => (byte)(i * 7 % Classes))]);
            var losses = new List<float>();
            for (ulong step = 0; step < Steps; step++)
            {
                using Tape tape = Tape.Record();
                Tensor scores = layer.Forward(Ops.Scale(image, 0.02f), ForwardContext.Training(1, step));
                Tensor loss = Ops.SoftmaxCrossEntropy(crf.Forward(scores, image, ForwardContext.Training(1, step)), labels);
                tape.Backward(loss);
                losses.Add(loss.Item());
                optimizer.Step(0.1f);
                optimizer.ClearGradients();
            }

            return [.. losses, .. optimizer.Parameters.SelectMany(p => p.Value.ToArray())];
        }
    }

    /// <summary>Losses and parameters of some steps, and a prediction, as bits; the device is disposed.</summary>
    private static uint[] Bits(Device device, ModelConfig config, int extent)
    {
        using (device)
        {
            using SegmentationModel model = SegmentationModel.Create(device, config, 5);
            using var optimizer = new Adam([.. model.Parameters], weightDecay: 1e-3f);
            using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.01f), 5, voidLabel: 255);
            Size2 size = model.IsPadded ? extent : (2 * model.Margin) + (extent * model.Stride);
            Size2 cells = model.OutputSize(size);
            var values = new List<float>();
            for (int step = 0; step < Steps; step++)
            {
                var shape = new Shape(2, 3, size.Height, size.Width);
                byte[] labels = [.. Enumerable.Range(0, 2 * cells.Height * cells.Width).Select(i => i % 11 == step ? (byte)255 : (byte)(i * 7 % Classes))];
                values.Add(training.Run(step, new StepInput(shape, Values((int)shape.Count, step, 50), cells, labels)));
            }

            values.AddRange(model.Parameters.SelectMany(p => p.Value.ToArray()));
            values.AddRange(new Predictor(model, tileCells: 2).Probabilities(Noise(19, 14)).Values.ToArray());
            return [.. values.Select(BitConverter.SingleToUInt32Bits)];
        }
    }

    /// <summary>Losses and weights of some steps in two parts, with class weights and clipped gradients, of enough pixels for several pieces of work.</summary>
    private static uint[] LossBits(Device device, LossKind kind)
    {
        using (device)
        {
            using var layer = new Conv2dLayer(device, "scores", 3, Classes, 3, new Conv2dOptions { Padding = 1 });
            Initialization.He(layer.Weight, 1);
            using var optimizer = new Sgd([.. layer.Parameters]);
            var loss = new LossConfig { Kind = kind, Weighting = kind == LossKind.Dice ? ClassWeighting.None : ClassWeighting.Given, ClassWeights = kind == LossKind.Dice ? null : [1, 2, 0.5] };
            using var training = new TrainingStep(device, layer, optimizer, new ConstantSchedule(0.1f), 5, voidLabel: 255, loss: loss) { Parts = 2, ClipNorm = 0.05f };
            var shape = new Shape(2, 3, 41, 39);
            byte[] labels = [.. Enumerable.Range(0, 2 * 41 * 39).Select(i => i % 11 == 3 ? (byte)255 : (byte)(i * 7 % Classes))];
            float[] losses = [.. Enumerable.Range(0, Steps).Select(step => training.Run(step, new StepInput(shape, Values((int)shape.Count, step, 1), new Size2(41, 39), labels)))];
            return [.. losses.Concat(layer.Parameters.SelectMany(p => p.Value.ToArray())).Select(BitConverter.SingleToUInt32Bits)];
        }
    }

    private static float[] Values(int count, int seed, double scale)
    {
        var random = new RandomSequence((ulong)seed, "same bits");
        return [.. Enumerable.Range(0, count).Select(_ => (float)(scale * random.NextGaussian()))];
    }

    private static RgbImage Noise(int width, int height)
    {
        var random = new RandomSequence(2, "same bits");
        return new RgbImage(width, height, [.. Enumerable.Range(0, 3 * width * height).Select(_ => (byte)random.NextInt32(256))]);
    }
}
