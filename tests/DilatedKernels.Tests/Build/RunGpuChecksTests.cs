using System.Diagnostics;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Build;

/// <summary>The script of the GPU bundle, with stand-ins for the programs that it starts.</summary>
internal sealed class RunGpuChecksTests
{
    private const string WithGpu = "echo 'cpu   2 threads'; echo 'cuda:0 Test GPU, sm_90'";
    private const string TestsPass = """echo '<Counters total="3" executed="2" passed="2" failed="0" />' > tests.trx""";

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeBundle()
    {
        string script = Path.Combine(AppContext.BaseDirectory, "gpu-bundle", "run-gpu-checks");
        if (!OperatingSystem.IsLinux())
        {
            Assert.Ignore("the bundle is for Linux");
        }

        _folder = new TemporaryFolder();
        Directory.CreateDirectory(_folder["bundle/bin"]);
        File.Copy(script, _folder["bundle/run-gpu-checks"]);
        File.WriteAllText(_folder["bundle/bin/commit.txt"], "abc\n");
    }

    [TearDown]
    public void DeleteBundle() => _folder?.Dispose();

    [Test]
    public void WithoutADriverItSaysWhyInOneLineAndWritesNothing()
    {
        Program("dilated", "echo 'cpu   2 threads'; echo 'cuda  not available: libcuda: no driver'");
        (int code, string output, string error) = Run();
        Assert.That(code, Is.EqualTo(3));
        Assert.That(error.Trim(), Is.EqualTo("run-gpu-checks: no GPU can be used here: cuda  not available: libcuda: no driver"));
        Assert.That(output, Is.Empty);
        Assert.That(Directory.Exists(_folder["results"]), Is.False);
    }

    [Test]
    public void AllThatPassesIsZeroAndEveryStageHasItsFile()
    {
        Program("dilated", $"[ \"$1\" = devices ] && {{ {WithGpu}; exit; }}; echo \"$@\"; echo \"tuning: $DILATEDKERNELS_CONV_TUNING\"");
        Program("DilatedKernels.Tests", TestsPass);
        Program("DilatedKernels.Bench", "echo \"$@\"");
        (int code, string output, _) = Run();
        Assert.That(code, Is.Zero, output);
        Assert.That(output, Does.Contain("passed   tests").And.Contain("passed   bench").And.Contain("passed   dilation-sweep"));
        Assert.That(File.ReadAllText(_folder["results/tests.txt"]), Does.Contain("2 GPU tests passed."));
        Assert.That(File.ReadAllText(_folder["results/bench.txt"]), Does.Contain("bench --device cuda --group gpu --json bench.json"));
        Assert.That(File.ReadAllText(_folder["results/bench-tf32.txt"]), Does.Contain("bench --device cuda --group gpu --float32 tf32 --json bench-tf32.json").And.Contain($"tuning: {_folder["results/tuning"]}"));
        Assert.That(File.ReadAllText(_folder["results/crf.txt"]), Does.Contain("--crf --device cuda --results"));
        Assert.That(File.ReadAllText(_folder["results/machine.txt"]), Does.Contain("cuda:0 Test GPU, sm_90").And.Contain("commit  abc"));
        Assert.That(File.ReadAllText(_folder["results/summary.txt"]), Does.Contain("passed   tests"));
    }

    [TestCase("""echo '<Counters total="0" executed="0" passed="0" failed="0" />' > tests.trx""", TestName = "NoTestAtAll")]
    [TestCase("""echo '<Counters total="9" executed="0" passed="0" failed="0" />' > tests.trx""", TestName = "AllTestsSkipped")]
    [TestCase("exit 0", TestName = "NoReport")]
    [TestCase(TestsPass + "; exit 2", TestName = "ATestFailed")]
    public void AStageThatFailsIsOneAndTheOthersStillRun(string tests)
    {
        Program("dilated", $"[ \"$1\" = devices ] && {{ {WithGpu}; exit; }}; echo \"$@\"");
        Program("DilatedKernels.Tests", tests);
        (int code, string output, _) = Run();
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Does.Contain("FAILED   tests").And.Contain("passed   bench"));
    }

    [TestCase("never", true)]
    [TestCase("", false)]
    public void WhereOnlyPairsOfBlocksFailTheRestRunsWithoutThem(string passing, bool without)
    {
        Program("dilated", $"case \"$*\" in devices) {WithGpu};; 'devices --check') [ \"$DILATEDKERNELS_CONV_PAIRS\" = '{passing}' ] && [ '{passing}' = never ];; *) echo \"pairs: ${{DILATEDKERNELS_CONV_PAIRS-as usual}}\";; esac");
        Program("DilatedKernels.Tests", TestsPass);
        (int code, string output, _) = Run();
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Does.Contain("FAILED   devices (").And.Contain(without ? "passed   devices-without-pairs" : "FAILED   devices-without-pairs"));
        Assert.That(File.ReadAllText(_folder["results/bench.txt"]), Does.Contain(without ? "pairs: never" : "pairs: as usual"));
    }

    [Test]
    public void AnInterruptedStageEndsItWithWhatWasDone()
    {
        Program("dilated", $"[ \"$1\" = devices ] && {{ {WithGpu}; exit; }}; exit 130");
        Program("DilatedKernels.Tests", TestsPass);
        (int code, string output, _) = Run();
        Assert.That(code, Is.EqualTo(130));
        Assert.That(output, Does.Contain("passed   tests").And.Contain("INTERRUPTED").And.Not.Contain("dilation-sweep"));
    }

    private void Program(string name, string body)
    {
        string path = _folder[$"bundle/bin/{name}"];
        File.WriteAllText(path, $"#!/bin/sh\n{body}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private (int Code, string Output, string Error) Run()
    {
        var start = new ProcessStartInfo("sh", [_folder["bundle/run-gpu-checks"], _folder["results"]]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
