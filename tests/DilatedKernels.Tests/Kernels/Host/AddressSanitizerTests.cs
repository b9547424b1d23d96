using System.Diagnostics;

namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>The address build: AddressSanitizer knows the fibers, the guards and the shared arrays, and its reports are faults of the launch.</summary>
public class AddressSanitizerTests
{
    private string _program = null!;

    [OneTimeSetUp]
    public void Build() => _program = HostBuild.Build(HostVariant.AddressProgram, "tests/DilatedKernels.Tests/Kernels/Host/Faults/bounds.cu",
        "tests/DilatedKernels.Tests/Kernels/Host/Faults/barriers.cu", "tests/DilatedKernels.Tests/Kernels/Host/Samples/run_reversal.cpp");

    [TestCase("read_beyond", "use-after-poison", "bounds.cu:4")]
    [TestCase("write_beyond", "use-after-poison", "bounds.cu:9")]
    [TestCase("write_beyond_shared", "use-after-poison", "bounds.cu:20")]
    public void OutOfBoundsIsReported(string kernel, string words, string place)
    {
        (string output, _) = Run(kernel + "_faulty");
        Assert.That(output, Does.StartWith($"{(int)HostStatus.OutOfBounds} kernel '{kernel}_faulty', block (0,0,0), thread ("));
        Assert.That(output, Does.Contain(words).And.Contain(place));
    }

    [TestCase("read_beyond_correct")]
    [TestCase("write_beyond_correct")]
    [TestCase("write_beyond_shared_correct")]
    [TestCase("missing_barrier_correct")]
    [TestCase("reused_tile_correct")]
    public void CorrectKernelsAreNot(string kernel)
    {
        (string output, string errors) = Run(kernel);
        Assert.That(output, Is.EqualTo("0 \n"));
        Assert.That(errors, Is.Empty);
    }

    /// <summary>Fibers that are left in the middle must not confuse it either.</summary>
    [TestCase("divergent_barrier_faulty")]
    [TestCase("early_return_faulty")]
    public void DivergenceIsReportedAsEver(string kernel)
    {
        (string output, string errors) = Run(kernel);
        Assert.That(output, Does.StartWith($"{(int)HostStatus.BarrierDivergence} kernel '{kernel}'"));
        Assert.That(errors, Is.Empty);
    }

    private (string Output, string Errors) Run(string kernel)
    {
        var start = new ProcessStartInfo(_program, kernel) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ASAN_OPTIONS"] = "detect_leaks=0:halt_on_error=0";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (output, errors.Result);
    }
}
