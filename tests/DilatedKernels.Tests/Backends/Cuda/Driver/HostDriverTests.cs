using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

/// <summary>The contract over the kernels compiled for the CPU.</summary>
[TestFixture("plain")]
[TestFixture("checked")]
public sealed class HostDriverTests(string build) : CudaDriverContract
{
    protected override ReadOnlySpan<byte> KernelImage => "host"u8;

    [Test]
    public void RefusesLaunchesWithTheWrongNumberOfArguments()
    {
        FunctionHandle add = GetAdd();
        CudaException e = Assert.Throws<CudaException>(() => Context.Launch(add, new LaunchConfiguration(new Dim3(1), new Dim3(1), 0, Stream), new nint[3]))!;
        Assert.That(e.Message, Does.Contain("3 arguments were given; the kernel has 4 parameters"));
    }

    [Test]
    public void MemoryFreedInsideARecordingLivesAsLongAsIt()
    {
        DevicePointer one = Upload([1]);
        DevicePointer result = Upload([0]);
        long before = Context.GetPool().UsedBytes;
        Context.BeginCapture(Stream);
        DevicePointer inside = Context.Allocate(4, Stream);
        Add(one, one, inside, 1);
        Add(inside, one, result, 1);
        Context.Free(inside, Stream);
        Assert.Throws<CudaException>(() => Context.Free(one, Stream), "it was allocated before the recording");
        GraphExecHandle graph = Context.Instantiate(Context.EndCapture(Stream));
        Context.Launch(graph, Stream);
        Context.Launch(graph, Stream);
        Assert.That(Download(result, 1), Is.EqualTo(new[] { 3f }));
        Context.DestroyGraph(graph);
        Assert.That(Context.GetPool().UsedBytes, Is.EqualTo(before));
    }

    protected override ICudaDriver OpenDriver()
    {
        HostDriver? driver = HostDriver.TryOpen(build, out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        driver!.HasGemm = true;
        return driver;
    }
}

/// <summary>What only the build that watches every access can say.</summary>
[NonParallelizable]
public sealed class HostFaultTests
{
    [Test]
    public unsafe void AFaultInAKernelNamesKernelAndPlace()
    {
        HostDriver? driver = HostDriver.TryOpen("checked", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        using ICudaContext context = driver!.Open(0);
        Assert.That(context.TryGetFunction(context.LoadModule("host"u8), "add_f32", out FunctionHandle add), Is.True);
        DevicePointer eight = context.Allocate(8 * sizeof(float), default);
        context.Fill(eight, 0, 8, default);
        long count = 64;
        nint[] arguments = [(nint)(&eight), (nint)(&eight), (nint)(&eight), (nint)(&count)];
        CudaException e = Assert.Throws<CudaException>(() => context.Launch(add, new LaunchConfiguration(new Dim3(1), new Dim3(32), 0, default), arguments))!;
        Assert.That(e.Name, Is.EqualTo("DK_HOST_OUT_OF_BOUNDS"));
        Assert.That(e.Kernel, Is.EqualTo("add_f32"));
        Assert.That(e.Message, Does.Contain("vectorized.cuh").Or.Contain("add.cu"));
        context.Free(eight, default);
    }
}
