using DilatedKernels.Distributed;
using DilatedKernels.Distributed.Mpi;

namespace DilatedKernels.Tests.Distributed;

public class MpiLauncherTests
{
    [Test]
    public void EachMpirunIsKnownByWhatItSets()
    {
        Assert.That(Find(("OMPI_COMM_WORLD_SIZE", "4"), ("PMIX_RANK", "1")), Is.EqualTo(("Open MPI", 4)));
        Assert.That(Find(("PMI_SIZE", "3"), ("PMI_RANK", "1")), Is.EqualTo(("MPICH", 3)));
        Assert.That(Find(("PMIX_RANK", "1")), Is.EqualTo(("a PMIx launcher", 0)));
    }

    [Test]
    public void WithoutAnyOfThemThereIsNoJob() => Assert.That(() => Find(("PATH", "/bin")), Throws.InstanceOf<MpiUnavailableException>().With.Message.Contains("mpirun -n N"));

    [Test]
    public void TheLibraryCanBeNamed()
    {
        MpiLauncher launcher = MpiLauncher.Find(Environment([("PMI_SIZE", "3"), ("DILATEDKERNELS_LIBMPI", "/opt/libmpi.so")]));
        Assert.That(launcher.Libraries, Is.EqualTo(new[] { "/opt/libmpi.so" }));
        Assert.That(MpiLauncher.Find(Environment([("PMI_SIZE", "3"), ("DILATEDKERNELS_LIBMPI", "")])).Libraries, Has.Count.GreaterThanOrEqualTo(1).And.None.Empty);
    }

    private static (string Name, int Size) Find(params (string Name, string Value)[] variables)
    {
        MpiLauncher launcher = MpiLauncher.Find(Environment(variables));
        return (launcher.Name, launcher.Size);
    }

    private static Func<string, string?> Environment((string Name, string Value)[] variables) => name => variables.FirstOrDefault(v => v.Name == name).Value;
}
