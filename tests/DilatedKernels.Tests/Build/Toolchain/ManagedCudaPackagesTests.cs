using DilatedKernels.Build.Toolchain;

namespace DilatedKernels.Tests.Build.Toolchain;

public sealed class ManagedCudaPackagesTests
{
    [TestCase("A.csproj : error NU1101: Unable to find package ManagedCuda-12. No packages exist with this id in source(s): feed", "no package source carries ManagedCuda-12")]
    [TestCase("A.csproj : error NU1102: Unable to find package ManagedCuda-12 with version (>= 12.8.60)", "no package source carries ManagedCuda-12")]
    [TestCase("A.csproj : error NU1301: Unable to load the service index for source feed.\nmore", "its restore failed (error NU1301: Unable to load the service index for source feed)")]
    public void SaysInOneLineWhyNot(string errors, string reason)
    {
        string said = ManagedCudaPackages.WhyNot(errors);
        Assert.That(said, Does.StartWith(reason));
        Assert.That(said, Does.Not.Contain("\n"));
    }

    [TestCase("-p:UseManagedCuda=false")]
    [TestCase("--property:usemanagedcuda=true")]
    [TestCase("/p:UseManagedCuda=true")]
    public void AsksNothingOfWhoeverDecidesHimself(string argument) => Assert.That(ManagedCudaPackages.IsDecided([argument]), Is.True);

    [TestCase("-p:Other=UseManagedCuda=true")]
    [TestCase("UseManagedCuda=true")]
    [TestCase("-v:quiet")]
    public void OtherArgumentsDecideNothing(string argument) => Assert.That(ManagedCudaPackages.IsDecided([argument]), Is.False);
}
