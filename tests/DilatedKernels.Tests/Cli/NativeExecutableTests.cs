using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using DilatedKernels.Build;
using DilatedKernels.Build.Kernels;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>
/// The command compiled ahead of time does what the command on the runtime does, to the bit: trimming took nothing that it needs, and the vectors
/// that it was compiled for compute the same numbers.
/// </summary>
public sealed partial class NativeExecutableTests
{
    private static readonly Dictionary<string, string> s_empty = [];

    private readonly Dictionary<string, string> _sameVectors = [];
    private string _program = "";
    private TemporaryFolder _folder = null!;
    private string _data = "";

    /// <summary>Finds it, and gives the runtime as wide vectors as it has.</summary>
    [OneTimeSetUp]
    public void Find()
    {
        string? place = SourceTree.Root is { } root ? Path.Combine(root, "artifacts", "aot", RuntimeInformation.RuntimeIdentifier) : null;
        string program = Path.Combine(place ?? "", OperatingSystem.IsWindows() ? "dilated.exe" : "dilated");
        BuildPart.SkipUnless(place is not null && File.Exists(program), BuildPart.Native, "there is no native executable: ./build.sh aot makes it");
        Stamp? stamp = Stamp.Read(Path.Combine(place!, NativeSources.StampFile));
        BuildPart.SkipUnless(stamp?.Hash == NativeSources.Read(SourceTree.Root!).Hash, BuildPart.Native, "the native executable is of other sources: ./build.sh aot makes it again");
        _program = program;
        _folder = new TemporaryFolder();
        _data = SmallDataset.Create(_folder);
        if (VectorBits(Native(0, "devices")) is "256" && VectorBits(Runtime("devices")) is not "256")
        {
            // The switch has had two names.
            _sameVectors["DOTNET_EnableAVX512"] = "0";
            _sameVectors["DOTNET_EnableAVX512F"] = "0";
        }

        Assert.That(VectorBits(Runtime("devices")), Is.EqualTo(VectorBits(Native(0, "devices"))), "The executable and the runtime have other vectors.");
    }

    [OneTimeTearDown]
    public void Delete() => _folder?.Dispose();

    [Test]
    public void ItIsOfThisVersionAndSmall()
    {
        // After the plus is the commit, which may be a later one that changes no source.
        Assert.That(Native(0, "--version").Split('+')[0], Is.EqualTo(Runtime("--version").Split('+')[0]));
        Assert.That(new FileInfo(_program).Length, Is.LessThan(20_000_000));
    }

    [Test]
    public void ItNeedsNothingBesideIt()
    {
        string alone = _folder["alone/dilated"];
        Directory.CreateDirectory(_folder["alone"]);
        File.Copy(_program, alone);
        Dictionary<string, string> noRuntime = new() { ["PATH"] = "", ["DOTNET_ROOT"] = "/nowhere" };
        DilatedProcess.Result result = DilatedProcess.RunProgram(_folder["alone"], noRuntime, alone, "info", "--width", "0.125");
        Assert.That((result.ExitCode, result.Output), Is.EqualTo((0, Runtime("info", "--width", "0.125"))));
    }

    [TestCase("sgd")]
    [TestCase("adam")]
    public void ItTrainsPredictsAndExportsTheSameBits(string optimizer)
    {
        AssertSameFiles(optimizer, ["last.safetensors"], run => ["train", _data, "--run", run, "--steps", "3", "--seed", "5", "--dropout", "0.5", .. SmallDataset.TinyTraining.Select(option => option == "sgd" ? optimizer : option)]);
        string weights = _folder[$"{optimizer}-native/last.safetensors"];
        AssertSameFiles(optimizer, ["0.png", "0-overlay.png"], run => ["predict", weights, Path.Combine(_data, "val", "0.png"), "--crf", "deeplab", "--out", run]);
        AssertSameFiles(optimizer, ["model.onnx"], run => ["export", weights, "--format", "onnx", "--out", $"{run}/model.onnx"]);
        AssertSameFiles(optimizer, ["again.safetensors"], run => ["export", weights, "--format", "safetensors", "--out", $"{run}/again.safetensors"]);
        Native(0, "report", $"{optimizer}-native", "--out", "page.html");
        Assert.That(File.ReadAllText(_folder["page.html"]), Does.Contain("<svg"));
    }

    [Test]
    public void ItRunsTheDemoToTheSameScores()
    {
        string[] Scores(string output) => [.. ScorePattern().Matches(output).Select(m => m.Value)];
        string expected = Runtime("demo", "--short", "--out", "demo-runtime");
        string actual = Native(0, "demo", "--short", "--out", "demo-native");
        Assert.That(Scores(expected), Is.Not.Empty, expected);
        Assert.That(Scores(actual), Is.EqualTo(Scores(expected)));
        Assert.That(File.ReadAllBytes(_folder["demo-native/overview.png"]), Is.EqualTo(File.ReadAllBytes(_folder["demo-runtime/overview.png"])));
    }

    [Test]
    public void ItMeasuresWritesJsonAndDraws()
    {
        Native(0, "bench", "--filter", "cpu-context-step", "--device", "cpu", "--seconds", "0.01", "--json", "bench.json");
        Assert.That(File.ReadAllText(_folder["bench.json"]), Does.Contain("\"name\": \"cpu-context-step\""));
        AssertSameFiles("figure", ["figure.svg"], run => ["info", "--dilations", "1,2,4,8", "--figure", $"{run}/figure.svg"]);
    }

    [TestCase("eval", "run/last.safetensors", "data", "--json")]
    [TestCase("check-data", "data")]
    [TestCase("info", "--width", "0.125")]
    [TestCase("train", "data", "--print-config", "--loss", "focal", "--schedule", "cosine")]
    [TestCase("crf", "--help")]
    [TestCase("--help")]
    public void ItSaysTheSame(params string[] arguments)
    {
        if (arguments.Contains("run/last.safetensors") && !File.Exists(_folder["run/last.safetensors"]))
        {
            Native(0, ["train", _data, "--run", "run", "--steps", "1", .. SmallDataset.TinyTraining]);
        }

        Assert.That(Named(Native(0, arguments)), Is.EqualTo(Named(Runtime(arguments))));
    }

    [TestCase("predict", "broken.safetensors", "photo.png", "--out", "masks")]
    [TestCase("train", "data", "--run", "refused", "--steps", "many")]
    [TestCase("train", "data", "--run", "refused", "--config", "broken.json")]
    public void ItRefusesAWrongInputInTheSameWords(params string[] arguments)
    {
        _folder.Write("broken.safetensors", "no checkpoint");
        _folder.Write("broken.json", """{ "steps": "many" }""");
        string error = Native(2, arguments);
        Assert.That(error, Is.Not.Empty.And.Not.Contain("   at "));
        Assert.That(Named(error), Is.EqualTo(Named(DilatedProcess.Run(_folder.Path, arguments).Error)));
    }

    /// <summary>The driver is loaded where it lies, and gets the kernels that the executable carries; the stub's GPU has none of them.</summary>
    [Test]
    public void ItHandsItsKernelsToTheDriver()
    {
        Dictionary<string, string> stub = new() { [CudaLibraries.DriverVariable] = StubLibrary.Build("cuda_stub.c") };
        DilatedProcess.Result expected = DilatedProcess.Run(_folder.Path, stub, "devices", "--check");
        DilatedProcess.Result actual = DilatedProcess.RunProgram(_folder.Path, stub, _program, "devices", "--check");
        string[] Gpus(string output) => output.Split('\n')[1..];
        Assert.That(Gpus(actual.Output), Has.Length.GreaterThan(2).And.EqualTo(Gpus(expected.Output)));
        Assert.That(actual.ExitCode, Is.EqualTo(expected.ExitCode), actual.Error);
    }

    [GeneratedRegex("([0-9]+)-bit vectors")]
    private static partial Regex VectorPattern();

    [GeneratedRegex("[0-9.]+ ?%")]
    private static partial Regex ScorePattern();

    // Both show a command as it was started.
    private string Named(string text) => text
        .Replace($"dotnet {Path.Combine(AppContext.BaseDirectory, "dilated.dll")}", "dilated", StringComparison.Ordinal)
        .Replace(_program, "dilated", StringComparison.Ordinal);

    private static string VectorBits(string devices) => VectorPattern().Match(devices).Groups[1].Value;

    private void AssertSameFiles(string name, string[] files, Func<string, string[]> command)
    {
        Directory.CreateDirectory(_folder[$"{name}-native"]);
        Directory.CreateDirectory(_folder[$"{name}-runtime"]);
        Native(0, command($"{name}-native"));
        Runtime(command($"{name}-runtime"));
        foreach (string file in files)
        {
            Assert.That(File.ReadAllBytes(_folder[$"{name}-native/{file}"]), Is.EqualTo(File.ReadAllBytes(_folder[$"{name}-runtime/{file}"])), file);
        }
    }

    private string Runtime(params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.Run(_folder.Path, _sameVectors, arguments);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        return result.Output;
    }

    private string Native(int code, params string[] arguments)
    {
        DilatedProcess.Result result = DilatedProcess.RunProgram(_folder.Path, s_empty, [_program, .. arguments]);
        Assert.That(result.ExitCode, Is.EqualTo(code), $"{string.Join(' ', arguments)}: {result.Error}");
        return code == 0 ? result.Output : result.Error;
    }
}
