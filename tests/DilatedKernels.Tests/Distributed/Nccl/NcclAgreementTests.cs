using System.Diagnostics;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Distributed.Nccl;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>Whether NCCL joins the GPUs of a group: one answer, with one reason, on every process, and nobody waits for it for ever.</summary>
[NonParallelizable]
public sealed class NcclAgreementTests
{
    private static readonly string Host = Environment.MachineName;

    private string? _before;

    [SetUp]
    public void Remember()
    {
        _before = Environment.GetEnvironmentVariable(CudaLibraries.NcclVariable);
        NcclStub.SkipUnlessHost();
    }

    [TearDown]
    public void Restore() => Environment.SetEnvironmentVariable(CudaLibraries.NcclVariable, _before);

    [Test]
    public void ThereIsNoLibrary()
    {
        Environment.SetEnvironmentVariable(CudaLibraries.NcclVariable, "libnowhere.so");
        const string reason = "NCCL was not found (tried libnowhere.so; DILATEDKERNELS_LIBNCCL can name the file)";
        Assert.That(WhyNot(2, OwnGpu), Is.All.EqualTo($"rank 0 of 2 on host {Host}: {reason}"));
        Assert.That(WhyNot(1, OwnGpu), Is.EqualTo(new[] { reason }));
    }

    [Test]
    public void TheLibraryIsTooOld()
    {
        using var stub = new NcclStub("STUB_OLD");
        Assert.That(WhyNot(2, OwnGpu), Is.All.EqualTo($"rank 0 of 2 on host {Host}: {stub.File} is NCCL 2.6.4, and 2.7 or later is needed"));
    }

    [Test]
    public void TheLibraryIsSomethingElse()
    {
        using var stub = new NcclStub("STUB_LACKS");
        Assert.That(WhyNot(2, OwnGpu), Is.All.EqualTo($"rank 0 of 2 on host {Host}: {stub.File} lacks ncclRecv: it is no NCCL that can be used here"));
    }

    [TestCase(2708, "2.7.8")]
    [TestCase(2804, "2.8.4")]
    [TestCase(20906, "2.9.6")]
    [TestCase(22605, "2.26.5")]
    public void TheVersionsDiffer(int other, string text)
    {
        using var stub = new NcclStub();
        stub.Fail($"version:{other}:-1:1");
        LocalThreads.Run(2, group =>
        {
            using Device device = OwnGpu(group);
            Assert.That(group.LinkOf(device.Backend), Is.Null);
            Assert.That(group.WhyNotNccl, Is.EqualTo($"rank 1 of 2 on host {Host} has NCCL {text}, and rank 0 2.19.3").Or.EqualTo($"rank 1 of 2 on host {Host} has NCCL 2.19.3, and rank 0 {text}"));
        });
    }

    [Test]
    public void TwoProcessesShareAGpu()
    {
        using var stub = new NcclStub();
        Assert.That(
            WhyNot(3, group => NcclStub.OpenGpu(bus: group.Rank == 0 ? 1 : 23)),
            Is.All.EqualTo($"rank 2 of 3 on host {Host} and rank 1 share the GPU 0000:17:00, and it takes one process a GPU"));
        Assert.That(stub.Live, Is.Zero);
    }

    [Test]
    public void OneProcessComputesOnTheProcessor()
    {
        using var stub = new NcclStub();
        Assert.That(WhyNot(3, group => group.Rank == 1 ? TestDevices.Cpu(1) : OwnGpu(group)), Is.All.EqualTo($"rank 1 of 3 on host {Host} computes on the processor"));
    }

    [Test]
    public void ProcessorsAloneNeedNoReason() => Assert.That(WhyNot(3, _ => TestDevices.Cpu(1)), Is.All.Null);

    [Test]
    public void ADeviceIsNoGpu()
    {
        using var stub = new NcclStub();
        Assert.That(WhyNot(1, _ => NcclStub.OpenGpu(-1)), Is.EqualTo(new[] { "the device of the driver host is on no PCI bus, by which NCCL knows GPUs" }));
    }

    [Test]
    public void NoIdCanBeMade()
    {
        using var stub = new NcclStub();
        stub.Fail("ncclGetUniqueId:2");
        Assert.That(
            WhyNot(2, OwnGpu), Is.All.EqualTo($"rank 0 of 2 on host {Host}: ncclGetUniqueId failed: unhandled system error (2): as the test asked, on rank -1"));
    }

    // The others wait for it inside of NCCL, and stay behind there.
    [Test]
    public void OneProcessCannotJoin()
    {
        using var stub = new NcclStub();
        stub.Fail("ncclCommInitRank:5:1");
        long began = Stopwatch.GetTimestamp();
        string?[] reasons = WhyNot(3, OwnGpu);
        Assert.That(Stopwatch.GetElapsedTime(began).TotalSeconds, Is.LessThan(10), "it is not tried again");
        Assert.That(
            reasons, Is.All.EqualTo($"rank 1 of 3 on host {Host}: ncclCommInitRank failed: invalid usage (5): as the test asked, on rank 1"));
        Assert.That(stub.Live, Is.Zero);
    }

    [Test]
    public void NcclDoesNotStartInTime()
    {
        using var stub = new NcclStub();
        stub.Fail("slow:3");
        LocalThreads.Run(2, group =>
        {
            using Device device = OwnGpu(group);
            var agreement = new NcclAgreement(group, device.Backend) { LongestStart = TimeSpan.FromSeconds(1) };
            Assert.That(agreement.Link(current: null, number: 1), Is.Null);
            Assert.That(agreement.WhyNot, Is.EqualTo($"rank 0 of 2 on host {Host}: ncclCommInitRank has not returned after 1 s"));
            Assert.That(agreement.HasFailedToStart, Is.True);
        });

        // What starts later than that is given up.
        Assert.That(() => stub.Starts, Is.EqualTo(2).After(10_000, 50));
        Assert.That(() => stub.Live, Is.Zero.After(5_000, 50));
    }

    private static Device OwnGpu(ProcessGroup group) => NcclStub.OpenGpu(group.Rank);

    private static string?[] WhyNot(int processes, Func<ProcessGroup, Device> open)
    {
        string?[] reasons = new string?[processes];
        LocalThreads.Run(processes, group =>
        {
            using Device device = open(group);
            Assert.That(group.LinkOf(device.Backend), Is.Null);
            Assert.That(group.LinkOf(device.Backend), Is.Null, "asked again");
            reasons[group.Rank] = group.WhyNotNccl;
        });
        return reasons;
    }
}
