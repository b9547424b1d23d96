using System.Diagnostics;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>One command over many images of which some cannot be read: the others are done, those are listed, and memory does not grow.</summary>
public sealed class ManyImagesTests
{
    [Test]
    public void UnreadableImagesAreListedAndTheOthersDone() => Predict(count: 100);

    [Test]
    [Explicit("About a minute: ./build.sh test --filter \"Name=AThousandImagesTakeNoMoreMemoryThanAHundred\"")]
    public void AThousandImagesTakeNoMoreMemoryThanAHundred() => Predict(count: 1000);

    [Test]
    public void WhatIsThereIsLeftOut()
    {
        using var folder = new TemporaryFolder();
        CreateModel(folder);
        string[] names = [.. Enumerable.Range(0, 4).Select(i => $"in/{i}.png")];
        foreach (string name in names)
        {
            folder.Write(name, PngWriter.Encode(new RgbImage(9, 8, new byte[3 * 9 * 8])));
        }

        DilatedProcess.Result Predict(params string[] options) => DilatedProcess.Run(folder.Path, ["predict", "model.safetensors", "in", "--out", "out", "--device", "cpu", .. options]);
        string Skipped(int count) => $"{count} of 4 images have their results already and are left out.";
        Assert.That(Predict().ExitCode, Is.Zero);
        byte[] mask = File.ReadAllBytes(folder["out/2.png"]);
        foreach (string file in (string[])["2.png", "2-overlay.png", "3-overlay.png"])
        {
            File.Delete(folder[$"out/{file}"]);
        }

        // A file that stands alone may be somebody else's.
        File.WriteAllText(folder["out/0.png"], "mine");
        DilatedProcess.Result refused = Predict("--skip-existing");
        Assert.That(refused.ExitCode, Is.EqualTo(2), refused.Error);
        Assert.That(refused.Error, Does.Contain("3.png exists already, but").And.Contain("3-overlay.png does not").And.Contain("--overwrite"));
        Assert.That(File.Exists(folder["out/2.png"]), Is.False);

        DilatedProcess.Result rest = Predict("--skip-existing", "--overwrite");
        Assert.That(rest.ExitCode, Is.Zero, rest.Error);
        Assert.That(rest.Output.ReplaceLineEndings("\n"), Is.EqualTo($"{Path.Combine("out", "2.png")}\n{Path.Combine("out", "3.png")}\n"));
        Assert.That(rest.Error, Does.Contain(Skipped(2)));
        Assert.That(File.ReadAllBytes(folder["out/2.png"]), Is.EqualTo(mask));
        Assert.That(File.ReadAllText(folder["out/0.png"]), Is.EqualTo("mine"));

        DilatedProcess.Result none = Predict("--skip-existing");
        Assert.That(none.ExitCode, Is.Zero, none.Error);
        Assert.That(none.Error, Does.Contain(Skipped(4)));
        Assert.That(none.Output, Is.Empty);

        // With probabilities, none is complete.
        DilatedProcess.Result more = Predict("--skip-existing", "--overwrite", "--save-probabilities");
        Assert.That(more.ExitCode, Is.Zero, more.Error);
        Assert.That(more.Error, Does.Not.Contain("left out"));
    }

    private static void CreateModel(TemporaryFolder folder)
    {
        using SegmentationModel model = SegmentationModel.Create(
            Device.Cpu, new ModelConfig { Name = "tiny", DeepLab = DeepLabConfig.Base(2, 1.0 / 64), MeanBgr = [80, 80, 80], ClassNames = ["ground", "square"] }, 1);
        ModelFile.Save(folder["model.safetensors"], model);
    }

    private static void Predict(int count)
    {
        using var folder = new TemporaryFolder();
        CreateModel(folder);
        var bad = new HashSet<string>();
        string[] names = [.. Enumerable.Range(0, count).Select(i => $"in/{i}.png")];
        for (int i = 0; i < count; i++)
        {
            int size = 8 + (i % 23);
            folder.Write(names[i], []);
            PngWriter.Write(folder[names[i]], new RgbImage(size, 31 - size + 8, [.. Enumerable.Range(0, 3 * size * (39 - size)).Select(j => (byte)(j * (i + 3)))]));
            if (i % 50 == 17)
            {
                // Cut off, empty, or no image at all.
                byte[] whole = File.ReadAllBytes(folder[names[i]]);
                File.WriteAllBytes(folder[names[i]], (i / 50 % 3) switch { 0 => whole[..^9], 1 => [], _ => "no image"u8.ToArray() });
                bad.Add(names[i]);
            }
        }

        using DilatedProcess process = DilatedProcess.Start(folder.Path, ["predict", "model.safetensors", .. names, "--device", "cpu"]);
        var memory = new List<(int Done, long Bytes, TimeSpan At)>();
        long started = Stopwatch.GetTimestamp();
        while (!process.HasExited)
        {
            memory.Add((Directory.Exists(folder["predictions"]) ? Directory.EnumerateFiles(folder["predictions"], "*-overlay.png").Count() : 0, process.MemoryBytes, Stopwatch.GetElapsedTime(started)));
            Thread.Sleep(50);
        }

        DilatedProcess.Result result = process.Wait();
        Assert.That(result.ExitCode, Is.EqualTo(1), result.Error);
        string[] done = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(done, Has.Length.EqualTo(count - bad.Count));
        Assert.That(done.All(mask => File.Exists(folder[mask.Trim()])), Is.True);
        Assert.That(Directory.EnumerateFiles(folder["predictions"]).Count(), Is.EqualTo(2 * (count - bad.Count)), "a mask and an overlay each, and nothing else");
        foreach (string name in bad)
        {
            Assert.That(result.Error, Does.Contain($"{name}: "));
        }

        Assert.That(result.Error, Does.Contain($"{bad.Count} of {count} images failed; the others are done."));
        long early = memory.Where(m => m.Done > 0 && m.Done <= count / 2).Select(m => m.Bytes).DefaultIfEmpty(long.MaxValue / 2).Max();
        long late = memory.Where(m => m.Done > count / 2).Select(m => m.Bytes).DefaultIfEmpty(0).Max();
        Assert.That(late, Is.LessThan(early + (24 << 20)), "memory after half of the images, and before");
        TimeSpan end = memory[^1].At;
        TimeSpan half = memory.FirstOrDefault(m => m.Done >= count / 2, memory[^1]).At;
        TestContext.Progress.WriteLine(
            $"{count} images, {bad.Count} unreadable: {early >> 20} MiB and {half.TotalSeconds:F1} s for the first half, {late >> 20} MiB and {(end - half).TotalSeconds:F1} s for the second.");
    }
}
