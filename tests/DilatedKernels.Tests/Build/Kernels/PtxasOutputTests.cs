using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Build.Kernels;

internal sealed class PtxasOutputTests
{
    private const string TwoKernels = """
        ptxas info    : 0 bytes gmem
        ptxas info    : Compiling entry function 'first' for 'sm_80'
        ptxas info    : Function properties for first
            8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
        ptxas info    : Used 168 registers, 34816 bytes smem, 372 bytes cmem[0]
        ptxas info    : Compiling entry function 'second' for 'sm_90a'
        ptxas info    : Function properties for second
            0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
        ptxas info    : Function properties for helper
            16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
        ptxas info    : Used 10 registers, used 1 barriers

        """;

    [Test]
    public void ReadsEveryNumber()
    {
        KernelReport report = PtxasOutput.Parse(TwoKernels, "conv2d/a.cu")[0];
        Assert.That(report, Is.EqualTo(new KernelReport("first", "conv2d/a.cu", "sm_80", 168, 4, 12, 8, 34816, 0, report.Opcodes)));
    }

    [Test]
    public void AFunctionOfItsOwnDoesNotReplaceTheKernelsNumbers()
    {
        KernelReport report = PtxasOutput.Parse(TwoKernels, "conv2d/a.cu")[1];
        Assert.That(report, Is.EqualTo(new KernelReport("second", "conv2d/a.cu", "sm_90a", 10, 0, 0, 0, 0, 0, report.Opcodes)));
    }

    [Test]
    public void KnowsWhichKernelWaitsForEveryProduct()
    {
        const string Remark = "ptxas info    : (C7515) Potential Performance Loss: wgmma.mma_async instructions are serialized due to non wgmma instructions "
            + "defining accumulator registers of a wgmma between start and end of the pipeline stage in the function 'second'\n";
        Assert.That(PtxasOutput.Parse(Remark + TwoKernels, "conv2d/a.cu").Select(r => r.SerializesProducts), Is.EqualTo(new[] { false, true }));
        Assert.That(PtxasOutput.WithoutStatistics(Remark), Is.Empty);
    }

    [Test]
    public void WithoutStatisticsOnlyWarningsRemain() =>
        Assert.That(PtxasOutput.WithoutStatistics(TwoKernels + "a.cu(3): warning #177-D: variable was declared but never referenced\n"),
            Is.EqualTo("a.cu(3): warning #177-D: variable was declared but never referenced"));
}
