using System.CommandLine;
using DilatedKernels.Cli.Commands;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Distributed;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary><c>mpirun -n N dilated predict --distributed</c>, under each MPI library: what one process writes and says, from several.</summary>
[NonParallelizable]
public sealed class DistributedPredictionTests
{
    private const string Mark = "DILATEDKERNELS_TEST_JOB";
    private const int Images = 14;
    private const int Broken = 5;

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create()
    {
        _folder = new TemporaryFolder();
        using SegmentationModel model = SegmentationModel.Create(
            Device.Cpu, new ModelConfig { Name = "tiny", DeepLab = DeepLabConfig.Base(2, 1.0 / 64), MeanBgr = [80, 80, 80], ClassNames = ["ground", "square"] }, 1);
        ModelFile.Save(_folder["model.safetensors"], model);
        for (int i = 0; i < Images; i++)
        {
            // Some take much longer than others.
            int size = i % 5 == 0 ? 200 : 20 + i;
            _folder.Write($"photos/{i:D2}.png", PngWriter.Encode(new RgbImage(size, size + 3, [.. Enumerable.Range(0, 3 * size * (size + 3)).Select(j => (byte)(j * (i + 3)))])));
        }
    }

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCase(MpiJob.OpenMpi, 3)]
    [TestCase(MpiJob.Mpich, 2)]
    public void WhatIsWrittenAndSaidIsThatOfOneProcess(string implementation, int processes)
    {
        MpiJob job = MpiJob.Of(implementation);
        File.WriteAllBytes(_folder[$"photos/{Broken:D2}.png"], File.ReadAllBytes(_folder[$"photos/{Broken:D2}.png"])[..^9]);
        string[] Arguments(string folder) => ["predict", "model.safetensors", "photos", "--out", folder, "--device", "cpu", "--save-probabilities", "--crf", "deeplab"];
        DilatedProcess.Result one = DilatedProcess.Run(_folder.Path, Arguments("one"));
        Assert.That(one.ExitCode, Is.EqualTo(1), one.Error);
        DilatedProcess.Result several = job.RunCommand(_folder.Path, processes, [.. Arguments("several"), "--distributed"]);
        Assert.That(several.ExitCode, Is.EqualTo(1), several.Error);

        string[] names = [.. Directory.GetFiles(_folder["one"]).Select(file => Path.GetFileName(file)).Order()];
        Assert.That(names, Has.Length.EqualTo(3 * (Images - 1)));
        Assert.That(Directory.GetFiles(_folder["several"]).Select(file => Path.GetFileName(file)).Order(), Is.EqualTo(names));
        foreach (string name in names)
        {
            Assert.That(File.ReadAllBytes(_folder[$"several/{name}"]).AsSpan().SequenceEqual(File.ReadAllBytes(_folder[$"one/{name}"])), name);
        }

        Assert.That(several.Output.Replace("several/", "one/", StringComparison.Ordinal), Is.EqualTo(one.Output));
        Assert.That(Messages(several.Error), Is.EqualTo(Messages(one.Error)));
        Assert.That(Messages(one.Error), Has.Length.EqualTo(2));
        Assert.That(several.Error, Does.Contain($"image {Images}/{Images}"));

        // One image that cannot be read is refused, by all alike.
        DilatedProcess.Result refused = job.RunCommand(_folder.Path, processes, ["predict", "model.safetensors", $"photos/{Broken:D2}.png", "--out", "none", "--device", "cpu", "--distributed"]);
        Assert.That(refused.ExitCode, Is.EqualTo(2), refused.Error);
        Assert.That(Messages(refused.Error), Has.Length.EqualTo(1).And.Exactly(1).Contains("05.png"), refused.Error);
    }

    [Test]
    public void ProcessesWithOtherCommandsAreRefused([Values(MpiJob.OpenMpi, MpiJob.Mpich)] string implementation)
    {
        Directory.CreateDirectory(_folder["elsewhere"]);
        foreach ((string second, string difference) in new[] { ("cd elsewhere; PHOTOS=../photos", "the command is"), ("PHOTOS=photos", "") })
        {
            DilatedProcess.Result result = MpiJob.Of(implementation).RunShell(
                _folder.Path, 2, $"if [ \"${{OMPI_COMM_WORLD_RANK-$PMI_RANK}}\" = 0 ]; then PHOTOS=photos; else {second}; fi; exec {DilatedProcess.ShellWords} predict \"{_folder["model.safetensors"]}\" $PHOTOS --out \"{_folder["out"]}\" --device cpu --distributed");
            Assert.That(result.ExitCode, difference.Length > 0 ? Is.EqualTo(2) : Is.Zero, result.Error);
            Assert.That(result.Error, difference.Length == 0 ? Does.Not.Contain("something else") : Does.Match($@"rank 1 of 2 on host .* would do something else than rank 0 of 2 on host .*: there {difference} "));
        }
    }

    [TestCase(MpiJob.OpenMpi, 0)]
    [TestCase(MpiJob.Mpich, 1)]
    [Platform("Linux")]
    public void ASignalToOneProcessEndsAllWithWholeFiles(string implementation, int rank)
    {
        for (int i = Images; i < 400; i++)
        {
            File.CreateSymbolicLink(_folder[$"photos/{i}.png"], "00.png");
        }

        string mark = $"{Guid.NewGuid()}";
        using DilatedProcess process = MpiJob.Of(implementation).With(Mark, mark)
            .StartCommand(_folder.Path, 2, ["predict", "model.safetensors", "photos", "--out", "masks", "--device", "cpu", "--distributed"]);
        Assert.That(SpinWait.SpinUntil(() => Directory.Exists(_folder["masks"]) && Directory.EnumerateFiles(_folder["masks"], "*-overlay.png").Count() > 3, TimeSpan.FromMinutes(2)));
        DilatedProcess.SendInterrupt(MpiJob.CommandOf($"{Mark}={mark}", rank)!.Value);
        DilatedProcess.Result result = process.Wait();
        Assert.That(result.ExitCode, Is.EqualTo(130), result.Error);
        Assert.That(Messages(result.Error), Is.EqualTo(new[] { "dilated: interrupted." }), result.Error);
        string[] done = [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(name => name.Trim())];
        Assert.That(done, Is.Ordered);
        Assert.That(done, Has.Length.InRange(3, 399));
        Assert.That(Directory.GetFiles(_folder["masks"]).Length, Is.InRange(2 * done.Length, 2 * (done.Length + 2)), "nothing but what was said, or was under way");
        foreach (string file in Directory.GetFiles(_folder["masks"]))
        {
            Assert.That(() => ImageFile.Read(file), Throws.Nothing);
        }

        // The rest, of which a few are enough here.
        foreach (string rest in Enumerable.Range(Images, 400 - Images).Select(i => _folder[$"photos/{i}.png"]).Where(photo => !File.Exists(_folder[$"masks/{Path.GetFileName(photo)}"])).Skip(4))
        {
            File.Delete(rest);
        }

        int left = Directory.GetFiles(_folder["photos"]).Length;
        DilatedProcess.Result more = MpiJob.Of(implementation).RunCommand(_folder.Path, 2, "predict", "model.safetensors", "photos", "--out", "masks", "--device", "cpu", "--skip-existing", "--distributed");
        Assert.That(more.ExitCode, Is.Zero, more.Error);
        Assert.That(more.Error.Split('\n').Count(line => line.Contains($" of {left} images have their results already and are left out.", StringComparison.Ordinal)), Is.EqualTo(1), more.Error);
        Assert.That(Directory.GetFiles(_folder["masks"]), Has.Length.EqualTo(2 * left));
    }

    [Test]
    public void WithoutMpirunItSaysHowToStartIt()
    {
        DilatedProcess.Result result = DilatedProcess.Run(_folder.Path, ["predict", "model.safetensors", "photos", "--distributed"]);
        Assert.That(result.ExitCode, Is.EqualTo(3), result.Error);
        Assert.That(result.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(result.Error, Does.Contain("This process was not started by mpirun"));
        Assert.That(Directory.Exists(_folder["predictions"]), Is.False);
    }

    [Test]
    public void AProcessThatFailsEndsTheWorkOfAll([Values(0, 2)] int rank)
    {
        var command = new Command("predict");
        var output = new PredictionOutput(_folder["masks"]);
        output.AddTo(command);
        string[] images = ImageArguments.Expand([_folder["photos"]]);
        Exception?[] errors = LocalThreads.Errors(3, group => InGroup.Run(group, TextWriter.Null, () =>
        {
            ParseResult result = command.Parse([]);
            (result.InvocationConfiguration.Output, result.InvocationConfiguration.Error) = (TextWriter.Null, TextWriter.Null);
            return output.Run(
                result,
                images,
                (_, image) =>
                {
                    Thread.Sleep(20);
                    return group.Rank == rank
                        ? throw new IOException("The device is gone.")
                        : new Prediction(new IndexMask(image.Width, image.Height, new byte[image.Width * image.Height]), Palette.Voc, null);
                },
                group,
                CancellationToken.None);
        }));
        Assert.That(errors[rank], Is.Not.Null);
        Assert.That(errors[rank]!.Message, Does.Contain($"rank {rank} of 3 on host {Environment.MachineName}: The device is gone."));
        Assert.That(Directory.GetFiles(_folder["masks"]), Has.Length.LessThan(2 * Images));
    }

    private static string[] Messages(string error) => [.. error.Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("dilated: ", StringComparison.Ordinal))];
}
