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

    private static void Predict(int count)
    {
        using var folder = new TemporaryFolder();
        using (SegmentationModel model = SegmentationModel.Create(
            Device.Cpu, new ModelConfig { Name = "tiny", DeepLab = DeepLabConfig.Base(2, 1.0 / 64), MeanBgr = [80, 80, 80], ClassNames = ["ground", "square"] }, 1))
        {
            ModelFile.Save(folder["model.safetensors"], model);
        }

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
