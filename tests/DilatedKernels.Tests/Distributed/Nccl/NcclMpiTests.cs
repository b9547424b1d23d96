using DilatedKernels.Cuda;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>Trainings of processes that mpirun starts, whose gradients pass through the stub of NCCL from one's GPU memory to another's.</summary>
[TestFixture(MpiJob.OpenMpi)]
[TestFixture(MpiJob.Mpich)]
[NonParallelizable]
public sealed class NcclMpiTests(string implementation)
{
    private TemporaryFolder? _folder;
    private NcclStub? _stub;
    private string _data = "";

    [SetUp]
    public void Create()
    {
        // First, as the test is skipped where it cannot be.
        _stub = new NcclStub();
        _folder = new TemporaryFolder();
        _data = SmallDataset.Create(_folder);
    }

    [TearDown]
    public void Delete()
    {
        _stub?.Dispose();
        _folder?.Dispose();
    }

    [Test]
    public void TheCheckpointIsThatOfOneProcess()
    {
        MpiJob job = MpiJob.Of(implementation);
        NcclTraining.Run(_data, _folder!["one"], group: null);
        (int code, _, string error) = job.With(CudaLibraries.NcclVariable, _stub!.File).Run(2, NcclTraining.Action, _data, _folder!["two"]);
        Assert.That(code, Is.Zero, error);
        Assert.That(error, Does.Not.Contain("Gradients pass"));
        AssertSame("two");

        (code, _, error) = job.With(CudaLibraries.NcclVariable, "none").Run(2, NcclTraining.Action, _data, _folder!["without"]);
        Assert.That(code, Is.Zero, error);
        Assert.That(
            error.Split('\n').Where(line => line.StartsWith("Gradients pass", StringComparison.Ordinal)),
            Is.EqualTo(new[] { $"Gradients pass through host memory and not by NCCL: rank 0 of 2 on host {Environment.MachineName}: NCCL was not found (tried none; DILATEDKERNELS_LIBNCCL can name the file)." }));
        AssertSame("without");
    }

    [Test]
    public void AFailureOfNcclEndsTheJobAndIsToldOnce()
    {
        (int code, _, string error) = MpiJob.Of(implementation).With(CudaLibraries.NcclVariable, _stub!.File).With("NCCL_STUB_FAIL", "async:3:1:4")
            .Run(2, NcclTraining.Action, _data, _folder!["two"]);
        Assert.That(code, Is.Not.Zero);
        string[] lines = [.. error.Split('\n').Where(line => line.StartsWith("rank ", StringComparison.Ordinal))];
        Assert.That(lines, Is.EqualTo(new[] { $"rank 1 of 2 on host {Environment.MachineName}: NCCL failed: internal error (3): as the test asked, on rank 1" }), error);
    }

    [Test]
    public void AGpuThatHangsEndsTheJobAndItsProcessIsNamed([Values] bool byNccl)
    {
        (int code, _, string error) = MpiJob.Of(implementation)
            .With(CudaLibraries.NcclVariable, byNccl ? _stub!.File : "none")
            .With(MpiProcess.StallVariable, "4").With(MpiProcess.PatienceVariable, "600").With(NcclTraining.HangingVariable, "1")
            .Run(2, NcclTraining.Action, _data, _folder!["two"]);
        Assert.That(code, Is.Not.Zero);
        string[] lines = [.. error.Split('\n').Where(line => line.StartsWith("rank ", StringComparison.Ordinal))];
        Assert.That(lines, Has.Length.EqualTo(1), error);
        Assert.That(lines[0], Does.Match($@"^rank 1 of 2 on host {Environment.MachineName}: hangs: it has begun \d+ calls, waits for its GPU, which has done nothing for \d+ s$"));
    }

    private void AssertSame(string run)
    {
        foreach (string file in (string[])["last.safetensors", "previous.safetensors", "best.safetensors"])
        {
            Assert.That(File.ReadAllBytes(_folder![$"{run}/{file}"]).AsSpan().SequenceEqual(File.ReadAllBytes(_folder![$"one/{file}"])), $"{run}/{file}");
        }
    }
}
