using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Cli;

namespace DilatedKernels.Tests.Segmentation.Report;

/// <summary>A run of a tiny network on <see cref="SmallDataset"/>, trained in a second, whose names ask for trouble.</summary>
internal static class ReportRun
{
    public const string HostileClass = "<script>alert('1')</script> & \"squares\"\u202E";
    public const string HostileImage = "x\"><img src=x onerror=alert(2)>'&amp;";

    private static readonly FrontEndConfig s_frontEnd = new() { Classes = 2, Stages = [new Stage(1, 4, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 6 };

    public static string Train(TemporaryFolder folder, string name, Func<TrainingConfig, TrainingConfig>? change = null, bool hostile = false)
    {
        string data = Directory.Exists(folder["data"]) ? folder["data"] : SmallDataset.Create(folder, validation: 3);
        if (hostile)
        {
            string file = folder["data/dataset.json"];
            File.WriteAllText(file, File.ReadAllText(file).Replace("\"square\"", System.Text.Json.JsonSerializer.Serialize(HostileClass), StringComparison.Ordinal));
            File.Move(folder["data/val/0.png"], folder[$"data/val/{HostileImage}.png"]);
            File.Move(folder["data/valannot/0.png"], folder[$"data/valannot/{HostileImage}.png"]);
        }

        var model = new ModelConfig { Name = "tiny", FrontEnd = s_frontEnd, MeanBgr = [80, 80, 80], InputScale = 1.0 / 64, ClassNames = ["ground", hostile ? HostileClass : "square"] };
        var architecture = new Architecture(model);
        var config = new TrainingConfig
        {
            Model = model,
            Data = data,
            BatchSize = 2,
            Crop = (2 * architecture.Margin) + (4 * architecture.Stride),
            Steps = 12,
            ValidateEvery = 4,
            CheckpointEvery = 6,
            FollowedImages = 0,
        };
        using Trainer trainer = Trainer.Start(change?.Invoke(config) ?? config, folder[name], Device.Cpu);
        trainer.Run();
        return folder[name];
    }

    /// <summary>A run folder of made-up numbers, as long training leaves it, without training.</summary>
    public static string Pretend(TemporaryFolder folder, string name, int steps, int classes, int pictures, ContextConfig? context = null)
    {
        RunFolder.Create(folder[name], new TrainingConfig { Model = new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(classes, 4), Context = context }, Data = "x", Steps = steps, Recipe = context is null ? Recipe.FrontEnd : Recipe.Joint }).Dispose();
        File.WriteAllLines(
            folder[$"{name}/metrics.csv"],
            ["step,loss,learning_rate,images_per_second,mean_iou", .. Enumerable.Range(1, steps).Select(step => FormattableString.Invariant($"{step},{2.0 / step},0.001,7.5,{(step % 1000 == 0 ? "0.5" : "")}"))]);
        var validation = new KeptValidation
        {
            Step = steps,
            Images = 100,
            Classes = [.. Enumerable.Range(0, classes).Select(c => $"class {c}")],
            Palette = new Palette([.. Palette.Voc.Colors.Take(classes)]),
            VoidLabel = 255,
            Confusion = [.. Enumerable.Range(0, classes * classes).Select(i => (long)i)],
            Pictures = [.. Enumerable.Range(0, pictures).Select(i => new KeptPicture($"image {i}", $"{steps}-{i:D2}", 0.5))],
        };
        Directory.CreateDirectory(folder[$"{name}/validation"]);
        validation.Write(folder[$"{name}/validation"]);
        var random = new RandomSequence(3, "noise", 0);
        byte[] noise = new byte[3 * 384 * 384];
        foreach (ref byte b in noise.AsSpan())
        {
            b = (byte)random.NextInt32(256);
        }

        foreach (KeptPicture picture in validation.Pictures)
        {
            PngWriter.Write(folder[$"{name}/validation/{picture.FileOf("image")}"], new RgbImage(384, 384, noise));
            PngWriter.Write(folder[$"{name}/validation/{picture.FileOf("truth")}"], new IndexMask(384, 384), validation.Palette);
            PngWriter.Write(folder[$"{name}/validation/{picture.FileOf("prediction")}"], new IndexMask(384, 384), validation.Palette);
        }

        return folder[name];
    }
}
