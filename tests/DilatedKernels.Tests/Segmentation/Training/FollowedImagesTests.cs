using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Report;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Segmentation.Report;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>The images whose predictions are kept after every validation.</summary>
public sealed class FollowedImagesTests
{
    private static readonly ClassSet s_classes = new() { Name = "two", Names = ["a", "b"], Palette = Palette.Voc, VoidLabel = 255, MeanBgr = (0, 0, 0) };
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCase(10, 4, new[] { 1, 3, 6, 8 })]
    [TestCase(3, 4, new[] { 0, 1, 2 })]
    [TestCase(101, 1, new[] { 50 })]
    [TestCase(0, 4, new int[0])]
    [TestCase(5, 0, new int[0])]
    public void AreEvenlySpaced(int samples, int count, int[] expected) => Assert.That(FollowedImages.Chosen(samples, count), Is.EqualTo(expected));

    [Test]
    public void ARunKeepsWhatItPredictedAfterEveryValidation()
    {
        string run = ReportRun.Train(_folder, "run", config => config with { FollowedImages = 2 });
        string validation = Path.Combine(run, "validation");
        Assert.That(FollowedImages.Steps(validation), Is.EqualTo(new[] { 4L, 8, 12 }));
        Assert.That(FollowedImages.Read(validation), Is.EqualTo(new[] { "0", "2" }), "of three");
        foreach (long step in FollowedImages.Steps(validation))
        {
            string[] files = [.. Directory.EnumerateFiles(FollowedImages.FolderOf(validation, step)).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];
            Assert.That(files, Is.EqualTo(new[] { "01-overlay.png", "01-prediction.png", "02-overlay.png", "02-prediction.png" }));
        }

        // The last is what the run's last checkpoint predicts; the overlay is that over the image.
        IndexMask last = MaskFile.Read(Path.Combine(validation, "step-000012", "02-prediction.png"));
        using DilatedKernels.Segmentation.Models.SegmentationModel model = DilatedKernels.Segmentation.Models.ModelFile.Load(Path.Combine(run, "last.safetensors"), Device.Cpu);
        RgbImage image = ImageFile.Read(_folder["data/val/2.png"]);
        Assert.That(last.Indices, Is.EqualTo(new DilatedKernels.Segmentation.Inference.Predictor(model).Predict(image).Indices));
        Assert.That(ImageFile.Read(Path.Combine(validation, "step-000012", "02-overlay.png")).Pixels, Is.EqualTo(Overlay.Blend(image, last, new Palette([(0, 0, 0), (255, 255, 255)]), 0.6).Pixels));

        string page = File.ReadAllText(Path.Combine(run, "report.html"));
        Assert.That(StrictHtml.Read(page).Count(e => e.Attributes.GetValueOrDefault("class") == "mask frame"), Is.EqualTo(6));
        Assert.That(page, Does.Contain("Predictions over the training").And.Contain("step 12, mean IoU"));
    }

    [Test]
    public void AResumedRunHasThemOnce()
    {
        ReportRun.Train(_folder, "whole", config => config with { FollowedImages = 2 });
        using (var stop = new CancellationTokenSource())
        using (Trainer trainer = Trainer.Start(Config(), _folder["run"], Device.Cpu))
        {
            trainer.Run(progress => { if (progress.Step == 9) { stop.Cancel(); } }, cancellation: stop.Token);
        }

        // As a killed run leaves it: its checkpoint is of step 6, and what comes after is still there.
        File.Copy(_folder["run/previous.safetensors"], _folder["run/last.safetensors"], overwrite: true);
        File.WriteAllText(_folder["run/validation/step-000004/01-overlay.png.123.tmp"], "cut");
        Assert.That(FollowedImages.Steps(_folder["run/validation"]), Is.EqualTo(new[] { 4L, 8 }));
        DateTime first = File.GetLastWriteTimeUtc(_folder["run/validation/step-000004/01-overlay.png"]);
        using (Trainer trainer = Trainer.Resume(_folder["run"], Device.Cpu))
        {
            var seen = new List<int>();
            trainer.Run(progress => seen.Add(FollowedImages.Steps(_folder["run/validation"]).Count));
            Assert.That(seen[0], Is.EqualTo(1), "step 8 was forgotten before it came again");
        }

        Assert.That(Files("run"), Is.EqualTo(Files("whole")));
        Assert.That(File.GetLastWriteTimeUtc(_folder["run/validation/step-000004/01-overlay.png"]), Is.EqualTo(first), "what was before the checkpoint stays");

        string[] Files(string run) => [.. Directory.EnumerateFiles(_folder[$"{run}/validation"], "*", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith("validation.json", StringComparison.Ordinal))
            .Select(file => $"{Path.GetRelativePath(_folder[run], file)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))}").Order(StringComparer.Ordinal)];

        TrainingConfig Config() => TrainingJson.Read(File.ReadAllBytes(_folder["whole/config.json"]));
    }

    [Test]
    public void NoneAreKeptWhereNoneAreWanted()
    {
        ReportRun.Train(_folder, "run");
        Assert.That(Directory.EnumerateDirectories(_folder["run/validation"]), Is.Empty);
        Assert.That(File.ReadAllText(_folder["run/report.html"]), Does.Not.Contain("Predictions over the training"));
    }

    [TestCase(-1)]
    [TestCase(17)]
    public void TheirNumberIsChecked(int count)
    {
        TrainingConfig config = new() { Model = new() { Name = "x" }, Data = "x", FollowedImages = count };
        Assert.That(config.Validate, Throws.TypeOf<UserInputException>().With.Message.Contains("--follow-images"));
    }

    [Test]
    public void AFolderStaysBounded()
    {
        Sample sample = Draw("one", 600, 300);
        for (int step = 1; step <= 100; step++)
        {
            var followed = new FollowedImages(_folder["validation"], [sample], 1, s_classes);
            followed.Add(sample, new IndexMask(600, 300));
            followed.Write(step);
            IReadOnlyList<long> steps = FollowedImages.Steps(_folder["validation"]);
            Assert.That((steps[0], steps[^1]), Is.EqualTo((1L, (long)step)), "the first and the newest stay");
            Assert.That(steps, Has.Count.LessThanOrEqualTo(FollowedImages.MostSteps));
        }

        IndexMask kept = MaskFile.Read(Path.Combine(FollowedImages.FolderOf(_folder["validation"], 100), "01-prediction.png"));
        Assert.That((kept.Width, kept.Height), Is.EqualTo((256, 128)));
    }

    [Test]
    public void OfOtherImagesNothingIsLeftButWhatIsNotOurs()
    {
        Sample[] samples = [Draw("one", 8, 8), Draw("two", 8, 8)];
        Write(1, samples[0]);
        File.WriteAllText(_folder["validation/step-000001/notes.txt"], "mine");
        Write(2, samples[0]);
        Write(3, samples[1]);
        Assert.That(FollowedImages.Read(_folder["validation"]), Is.EqualTo(new[] { "two" }));
        Assert.That(Directory.EnumerateFiles(_folder["validation/step-000001"]).Select(Path.GetFileName), Is.EqualTo(new[] { "notes.txt" }));
        Assert.That(Directory.Exists(_folder["validation/step-000002"]), Is.False);

        void Write(long step, Sample sample)
        {
            var followed = new FollowedImages(_folder["validation"], [sample], 1, s_classes);
            followed.Add(sample, new IndexMask(8, 8));
            followed.Write(step);
        }
    }

    [Test]
    public void OfImagesThatTookTheirNamesNothingIsLeft()
    {
        Sample[] samples = [Draw("one", 8, 8), Draw("two", 300, 600)];
        Write(1, 8);
        Write(2, 8);
        Assert.That(FollowedImages.Steps(_folder["validation"]), Is.EqualTo(new[] { 1L, 2 }), "the same images");
        Draw("one", 6, 4);
        Write(3, 6);
        Assert.That(FollowedImages.Steps(_folder["validation"]), Is.EqualTo(new[] { 3L }), "another size");
        PngWriter.Write(samples[0].ImagePath, new RgbImage(6, 4, [.. Enumerable.Range(0, 72).Select(i => (byte)i)]));
        Write(4, 6);
        Assert.That(FollowedImages.Steps(_folder["validation"]), Is.EqualTo(new[] { 4L }), "other pixels");
        File.WriteAllText(_folder["validation/followed/01-image.png"], "damaged");
        Write(5, 6);
        Assert.That(FollowedImages.Steps(_folder["validation"]), Is.EqualTo(new[] { 5L }), "nobody knows of what image");

        void Write(long step, int width)
        {
            var followed = new FollowedImages(_folder["validation"], samples, 2, s_classes);
            followed.Add(samples[0], new IndexMask(width, width == 8 ? 8 : 4));
            followed.Add(samples[1], new IndexMask(300, 600));
            followed.Write(step);
        }
    }

    [Test]
    public void APageOfNoiseIsBounded()
    {
        string run = ReportRun.Pretend(_folder, "run", 40, 21, 0);
        Sample[] samples = [.. Enumerable.Range(0, FollowedImages.MostImages).Select(i => Draw($"{i}", 256, 256))];
        var random = new RandomSequence(1, "noise", 0);
        byte[] noise = new byte[256 * 256];
        foreach (ref byte b in noise.AsSpan())
        {
            b = (byte)random.NextInt32(21);
        }

        var classes = s_classes with { Names = [.. Enumerable.Range(0, 21).Select(i => $"{i}")] };
        for (int step = 1; step <= FollowedImages.MostSteps; step++)
        {
            var followed = new FollowedImages(Path.Combine(run, "validation"), samples, samples.Length, classes);
            Array.ForEach(samples, sample => followed.Add(sample, new IndexMask(256, 256, noise)));
            followed.Write(step);
        }

        ReportPage.Write([run], _folder["page.html"]);
        string page = File.ReadAllText(_folder["page.html"]);
        int frames = StrictHtml.Read(page).Count(e => e.Attributes.GetValueOrDefault("class") == "mask frame");
        Assert.That(frames % FollowedImages.MostSteps, Is.Zero);
        Assert.That(frames / FollowedImages.MostSteps, Is.InRange(1, 3));
        Assert.That(page.Length, Is.LessThan(FollowedSection.MostBytes + (1 << 20)));
    }

    private Sample Draw(string name, int width, int height)
    {
        var sample = new Sample(name, _folder[$"{name}.png"], _folder[$"{name}-mask.png"]);
        PngWriter.Write(sample.ImagePath, new RgbImage(width, height));
        MaskFile.Write(sample.MaskPath!, new IndexMask(width, height), s_classes.Palette);
        return sample;
    }
}
