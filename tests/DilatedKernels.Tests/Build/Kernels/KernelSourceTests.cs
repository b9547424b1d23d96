using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Build.Kernels;

internal sealed class KernelSourceTests
{
    private static readonly Version s_cuda124 = new(12, 4, 131);

    [TestCase("kernels/softmax/softmax_f32.cu", "arch=compute_75,code=compute_75 arch=compute_80,code=sm_80 arch=compute_90a,code=sm_90a")]
    [TestCase("kernels/conv2d/conv2d_fprop_tf32_sm80.cu", "arch=compute_80,code=compute_80 arch=compute_80,code=sm_80 arch=compute_90a,code=sm_90a")]
    [TestCase("kernels/conv2d/conv2d_fprop_bf16_sm90.cu", "arch=compute_90a,code=sm_90a")]
    public void TheNameSaysWhatToCompileFor(string path, string targets) =>
        Assert.That(string.Join(' ', new KernelSource(path).Targets(s_cuda124).Where(t => t != "-gencode")), Is.EqualTo(targets));

    [Test]
    public void ACompilerThatKnowsBlackwellCompilesForIt() =>
        Assert.That(new KernelSource("kernels/pool/pool.cu").Targets(new Version(13, 0, 48)), Does.Contain("arch=compute_100,code=sm_100"));

    [Test]
    public void AModuleIsNamedByFolderAndFile() => Assert.That(new KernelSource("kernels/pool/pool.cu").Name, Is.EqualTo("pool/pool"));
}
