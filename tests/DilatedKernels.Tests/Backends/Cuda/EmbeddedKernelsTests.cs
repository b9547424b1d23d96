using DilatedKernels.Backends.Cuda;
using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Backends.Cuda;

internal sealed class EmbeddedKernelsTests
{
    [Test]
    public void TheLibraryCarriesEveryCompiledKernel()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "kernels", "ptxas.json");
        BuildPart.SkipUnless(File.Exists(path), BuildPart.Kernels, "the GPU kernels were not compiled: there was no nvcc; ./build.sh kernels gets it");
        KernelReport[] reports = KernelReport.Read(path);
        Assert.That(EmbeddedKernels.Names, Is.EquivalentTo(reports.Select(r => r.Name).Distinct()));
        foreach (KernelReport report in reports)
        {
            string module = EmbeddedKernels.FindModule(report.Name)!;
            Assert.That(module + ".cu", Is.EqualTo(report.File));

            // The magic number of a fat binary.
            Assert.That(EmbeddedKernels.ReadModule(module)[..4].ToArray(), Is.EqualTo(new byte[] { 0x50, 0xED, 0x55, 0xBA }), module);
        }
    }

    [Test]
    public void AnUnknownKernelIsInNoModule() => Assert.That(EmbeddedKernels.FindModule("no_such_kernel"), Is.Null);

    [Test]
    public void AnUnknownModuleIsNamed() =>
        Assert.That(() => EmbeddedKernels.ReadModule("conv2d/none"), Throws.ArgumentException.With.Message.Contains("conv2d/none"));
}
