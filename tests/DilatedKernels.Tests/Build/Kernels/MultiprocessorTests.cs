using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Build.Kernels;

internal sealed class MultiprocessorTests
{
    [TestCase("sm_80", 256, 32, 0, 8, Description = "threads: 2048 / 256")]
    [TestCase("sm_80", 32, 16, 0, 32, Description = "blocks: 32 at most")]
    [TestCase("sm_80", 256, 128, 0, 2, Description = "registers: 65536 / (128 * 256)")]
    [TestCase("sm_80", 256, 65, 0, 3, Description = "registers come in eights: 72, so 28 warps, three blocks of 8")]
    [TestCase("sm_80", 256, 32, 48 * 1024, 3, Description = "shared memory: 164 KB / 49 KB")]
    [TestCase("sm_90a", 256, 32, 48 * 1024, 4, Description = "shared memory: 228 KB / 49 KB")]
    public void ResidentBlocksAreTheLeastThatEachResourceAllows(string architecture, int threads, int registers, int shared, int blocks) =>
        Assert.That(Multiprocessor.Of(architecture)!.ResidentBlocks(threads, registers, shared), Is.EqualTo(blocks));

    [Test]
    public void AnArchitectureThatIsNotListedHasNone() => Assert.That(Multiprocessor.Of("sm_50"), Is.Null);
}
