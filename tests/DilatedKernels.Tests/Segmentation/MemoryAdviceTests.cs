using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Cuda;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using DilatedKernels.Tests.Cli;

namespace DilatedKernels.Tests.Segmentation;

/// <summary>What is said to fit where memory has run out does fit.</summary>
[NonParallelizable]
public sealed class MemoryAdviceTests
{
    private static readonly ModelConfig s_tiny = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 4, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 6, Dropout = 0.5f, FinalDeviation = 0.1 },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square"],
    };

    private static IEnumerable<TestCaseData> Networks()
    {
        const double Width = 1.0 / 32;
        ModelConfig frontEnd = new() { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(5, Width) };
        yield return Case(frontEnd, Recipe.FrontEnd, LabelResolution.Stride, 404);
        yield return Case(frontEnd with { Name = "joint", Context = ContextConfig.Basic(5) with { Padding = ContextPadding.PerLayer } }, Recipe.Joint, LabelResolution.Full, 404);
        yield return Case(new ModelConfig { Name = "fcn-8s", Fcn = new FcnConfig { Classes = 5, WidthMultiplier = Width } }, Recipe.FrontEnd, LabelResolution.Stride, 96);
        yield return Case(new ModelConfig { Name = "deeplab", DeepLab = DeepLabConfig.Base(5, Width) }, Recipe.FrontEnd, LabelResolution.Stride, 161);

        static TestCaseData Case(ModelConfig model, Recipe recipe, LabelResolution labels, int crop) =>
            new TestCaseData(new TrainingConfig { Model = model, Recipe = recipe, Labels = labels, Crop = crop, Data = "" }).SetArgDisplayNames(model.Name);
    }

    [TestCaseSource(nameof(Networks))]
    public void TheEstimateOfAStepIsNearWhatItTakes(TrainingConfig config)
    {
        using Device device = Device.CreateCpu(1, ConvolutionAlgorithm.Direct);
        using SegmentationModel model = SegmentationModel.Create(device, config.Model, 1);
        using var optimizer = new Sgd([.. model.Parameters]);
        long resident = device.Memory.LiveBytes;
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.001f), 1, voidLabel: 255);
        Size2 crop = config.Crop!.Value;
        Size2 cells = model.OutputSize(crop);
        Size2 labels = config.Labels == LabelResolution.Full ? new Size2(cells.Height * model.OutputStride, cells.Width * model.OutputStride) : cells;
        training.Run(0, new StepInput(new Shape(2, 3, crop.Height, crop.Width), new float[2 * 3 * crop.Height * crop.Width], labels, new byte[2 * labels.Height * labels.Width]));
        double ratio = MemoryAdvice.StepBytes(config, crop, 2) / (double)(device.Memory.PeakBytes - resident);
        Assert.That(ratio, Is.InRange(0.97, 1.8), "rather too much than too little");
    }

    [Test]
    public void ARunThatDidNotFitSaysWhichBatchDoes()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        FaultyDriver driver = OpenDriver();
        using Device device = HostDevice.Open(driver);
        TrainingConfig config = Configure(data, batch: 12);
        driver.Opened.Limit = driver.Opened.LiveBytes + (400 << 10);
        string advice = Fail(config, folder["large"]);
        Match batch = Regex.Match(advice, @"By estimate a batch of (\d+) would fit \(--batch \1\)\.$");
        Assert.That(batch.Success, Is.True, advice);
        int fits = int.Parse(batch.Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.That(fits, Is.GreaterThan(1), "there is room for more than the least");
        Assert.That(device.Memory.LiveBytes, Is.LessThan(1024), "nothing is left of the run that failed");
        Complete(config with { BatchSize = fits }, folder["small"]);

        driver.Opened.Limit = driver.Opened.LiveBytes + (60 << 10);
        advice = Fail(config, folder["larger"]);
        Match crop = Regex.Match(advice, @"By estimate one crop of (\d+)×\1 would fit \(--batch 1 --crop \1\)\.$");
        Assert.That(crop.Success, Is.True, advice);
        Complete(config with { BatchSize = 1, Crop = int.Parse(crop.Groups[1].Value, CultureInfo.InvariantCulture) }, folder["smallest"]);

        // The first checkpoint is there and whole.
        Assert.That(() => ModelFile.Load(folder["large/last.safetensors"], Device.Cpu).Dispose(), Throws.Nothing);

        string Fail(TrainingConfig run, string path)
        {
            using Trainer trainer = Trainer.Start(run, path, device);
            CudaException e = Assert.Throws<CudaException>(() => trainer.Run())!;
            Assert.That(e.Message, Does.Contain("bytes were asked for").And.Contain("It was for").And.Contain("MiB is free without the step."));
            return e.Message;
        }

        void Complete(TrainingConfig run, string path)
        {
            using Trainer trainer = Trainer.Start(run, path, device);
            Assert.That(trainer.Run().IsComplete, Is.True);
            trainer.Dispose();
            Assert.That(device.Memory.LiveBytes, Is.LessThan(1024), "the optimizer's table");
        }
    }

    [Test]
    public void AModelThatDidNotFitLeavesNothing([Range(10, 100, 30)] int percent)
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        FaultyDriver driver = OpenDriver();
        using Device device = HostDevice.Open(driver);
        TrainingConfig config = Configure(data, batch: 1);
        long whole;
        using (Trainer.Start(config, folder["whole"], device))
        {
            whole = driver.Opened.LiveBytes;
        }

        driver.Opened.Limit = driver.Opened.LiveBytes + ((whole - driver.Opened.LiveBytes) * percent / 101);
        Assert.That(() => Trainer.Start(config, folder["run"], device), Throws.TypeOf<CudaException>());
        Assert.That(device.Memory.LiveBuffers, Is.Zero);
        driver.Opened.Limit = long.MaxValue;
        Assert.That(() => Trainer.Start(config, folder["run"], device).Dispose(), Throws.Nothing, "the folder is free");
    }

    [Test]
    public void APredictionThatDidNotFitSaysWhichTileDoes()
    {
        FaultyDriver driver = OpenDriver();
        using Device device = HostDevice.Open(driver);
        using SegmentationModel model = SegmentationModel.Create(device, s_tiny, 1);
        var image = new RgbImage(90, 70, [.. Enumerable.Range(0, 3 * 90 * 70).Select(i => (byte)(i * i))]);
        byte[] expected = new Predictor(model).Predict(image).Indices;
        driver.Opened.Limit = driver.Opened.LiveBytes + (100 << 10);
        CudaException e = Assert.Throws<CudaException>(() => new Predictor(model).Predict(image))!;
        Match tile = Regex.Match(e.Message, @"By estimate tiles of (\d+) cells would fit \(--tile \1\)\.$");
        Assert.That(tile.Success, Is.True, e.Message);
        Assert.That(new Predictor(model, int.Parse(tile.Groups[1].Value, CultureInfo.InvariantCulture)).Predict(image).Indices, Is.EqualTo(expected));
        Assert.That(device.Memory.LiveBytes, Is.LessThan(model.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float)) + 8192), "tables and parameters");
    }

    [Test]
    public void AnEnlargedImageThatDidNotFitIsNamedAsSuch()
    {
        FaultyDriver driver = OpenDriver();
        using Device device = HostDevice.Open(driver);
        using SegmentationModel model = SegmentationModel.Create(device, s_tiny, 1);
        var image = new RgbImage(30, 20);
        var predictor = new Predictor(model, views: new PredictionViews([1, 3], flip: true));
        driver.Opened.Limit = driver.Opened.LiveBytes + (100 << 10);
        Assert.That(() => predictor.Predict(image), Throws.TypeOf<CudaException>().With.Message.EndsWith(
            "This was the image at scale 3, 90×60 (width×height); smaller scales (--scales) need less."));
        driver.Opened.Limit = long.MaxValue;
        Assert.That(() => predictor.Predict(image), Throws.Nothing);
    }

    [Test]
    public void TheCommandSaysItToo()
    {
        string stub = StubLibrary.Build("cuda_stub.c");
        BuildPart.SkipUnless(DilatedKernels.Backends.Cuda.EmbeddedKernels.Present, BuildPart.Kernels, "the library was built without GPU kernels");
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string[] train = ["train", data, "--run", "run", .. SmallDataset.TinyTraining.Select(option => option == "2" ? "6" : option), "--device", "cuda:0", "--driver", "libcuda"];
        DilatedProcess.Result result = Run("STUB_MEMORY", "16000000", train);
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.Match(@"dilated: cuMemAllocAsync failed: CUDA_ERROR_OUT_OF_MEMORY \(2\), out of memory\. \d+ bytes were asked for; \d+ of the device's 16000000 bytes are free\."));
        Assert.That(result.Error, Does.Match(@"By estimate a batch of \d would fit \(--batch \d\)\."));
        Assert.That(result.Error, Does.Not.Contain("   at "));

        result = Run("STUB_MEMORY", "60000000", ["predict", "run/last.safetensors", "data/val/0.png", "--device", "cuda:0", "--driver", "libcuda"]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        result = Run("STUB_MEMORY", "1500000", ["predict", "run/last.safetensors", "data/val/0.png", "--out", "none", "--device", "cuda:0", "--driver", "libcuda"]);
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        Assert.That(result.Error, Does.Contain("bytes were asked for").And.Contain("is free without the prediction").And.Not.Contain("   at "));

        DilatedProcess.Result Run(string name, string value, string[] arguments) => DilatedProcess.Run(
            folder.Path, new Dictionary<string, string> { [name] = value, [CudaLibraries.DriverVariable] = stub }, arguments);
    }

    private static FaultyDriver OpenDriver()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        return new FaultyDriver(driver!);
    }

    private static TrainingConfig Configure(string data, int batch)
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, s_tiny, 1);
        return new TrainingConfig
        {
            Model = s_tiny,
            Data = data,
            BatchSize = batch,
            Crop = (2 * model.Margin) + (12 * model.Stride),
            Steps = 2,
            ValidationSplit = null,
        };
    }
}
