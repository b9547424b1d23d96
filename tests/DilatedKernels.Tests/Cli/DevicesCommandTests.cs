using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;
using DilatedKernels.Tests.Distributed.Nccl;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>What <c>dilated devices</c> and <c>--device cuda</c> say of drivers that are there, and of ones that are not.</summary>
[NonParallelizable]
public sealed class DevicesCommandTests
{
    private string? _library;

    [SetUp]
    public void Remember() => _library = Environment.GetEnvironmentVariable(CudaLibraries.DriverVariable);

    [TearDown]
    public void Restore() => Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, _library);

    [Test]
    public void ListsTheDevicesOfADriver()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        DilatedProcess.Result result = RunWith(path, "devices", "--driver", "libcuda");
        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(result.Output, Does.Contain($"cuda:1 Stub GPU 1, sm_90, 132 multiprocessors, 1.0 GiB, through libcuda ({path}, CUDA 12.4)"));
    }

    [Test]
    public void SaysWhetherThereIsNccl()
    {
        string cuda = StubLibrary.Build("cuda_stub.c");
        using var nccl = new NcclStub();
        Assert.That(RunWith(cuda, "devices").Output, Does.Contain($"nccl  2.19.3 ({nccl.File})"));
        Environment.SetEnvironmentVariable(CudaLibraries.NcclVariable, "libnowhere.so");
        Assert.That(RunWith(cuda, "devices").Output, Does.Contain("nccl  not available: NCCL was not found (tried libnowhere.so; DILATEDKERNELS_LIBNCCL can name the file)"));
        Assert.That(RunWith("/nowhere/libcuda.so", "devices").Output, Does.Not.Contain("nccl"), "nothing to join");
    }

    [Test]
    public void ChecksEachDevice()
    {
        DilatedProcess.Result result = RunWith(StubLibrary.Build("cuda_stub.c"), "devices", "--check");
        bool hasKernels = !result.Output.Contains("carries no GPU kernels", StringComparison.Ordinal);
        Assert.That(result.ExitCode, Is.EqualTo(hasKernels ? 1 : 0));
        Assert.That(result.Output, hasKernels ? Does.Contain("does not compute right: ").And.Contain("has no kernel") : Does.Not.Contain("compute right"));
    }

    [Test]
    public void SaysInOneLineWhyThereIsNone()
    {
        DilatedProcess.Result result = RunWith("/nowhere/libcuda.so", "devices", "--driver", "libcuda");
        Assert.That(result.ExitCode, Is.Zero);
        Assert.That(
            result.Output.Split('\n').Where(l => l.StartsWith("cuda", StringComparison.Ordinal)),
            Has.One.Items.And.All.StartsWith("cuda  not available: libcuda: no NVIDIA driver was found (tried /nowhere/libcuda.so;"));
    }

    [Test]
    public void ADeviceThatCannotBeHadEndsWithCode3()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result result = RunWith("/nowhere/libcuda.so", ["train", data, "--run", Path.Combine(folder.Path, "x"), "--device", "cuda", .. SmallDataset.TinyTraining]);
        Assert.That(result.ExitCode, Is.EqualTo(3));
        Assert.That(result.Error, Does.Contain("No CUDA device can be used").And.Contain("/nowhere/libcuda.so"));
    }

    // The stub driver has devices that cannot run the kernels, where the build has any.
    [Test]
    public void AutoStaysOnTheProcessorWhereTheGpuDoesNotComputeRight()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        string run = Path.Combine(folder.Path, "run");
        DilatedProcess.Result result = RunWith(StubLibrary.Build("cuda_stub.c"), ["train", data, "--run", run, "--device", "auto", "--steps", "2", .. SmallDataset.TinyTraining]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error, Does.Contain("Computing on the CPU and not on the GPU: "));
        Assert.That(File.Exists(Path.Combine(run, "last.safetensors")), Is.True);
    }

    [Test]
    public void AutoSaysNothingWhereThereIsNoDriver()
    {
        using var folder = new TemporaryFolder();
        string data = SmallDataset.Create(folder);
        DilatedProcess.Result result = RunWith("/nowhere/libcuda.so", ["train", data, "--run", Path.Combine(folder.Path, "run"), "--steps", "2", .. SmallDataset.TinyTraining]);
        Assert.That(result.ExitCode, Is.Zero, result.Error);
        Assert.That(result.Error, Does.Not.Contain("GPU"));
    }

    [Test]
    public void AnUnknownDriverListsTheKnownOnes()
    {
        DilatedProcess.Result result = RunWith("/nowhere/libcuda.so", "devices", "--driver", "opencl");
        Assert.That(result.ExitCode, Is.EqualTo(2));
        Assert.That(result.Error, Does.Contain("libcuda; it was opencl"));
        Assert.That(result.Output, Is.Empty);
    }

    private static DilatedProcess.Result RunWith(string library, params string[] arguments)
    {
        Environment.SetEnvironmentVariable(CudaLibraries.DriverVariable, library);
        using var folder = new TemporaryFolder();
        return DilatedProcess.Run(folder.Path, arguments);
    }
}
