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
        Assert.That(Find(("PMIX_RANK", "1"), ("SLURM_NTASKS", "8")), Is.EqualTo(("a PMIx launcher", 8)));
        Assert.That(Find(("PMIX_RANK", "1"), ("SLURM_NTASKS", "8"), ("SLURM_STEP_NUM_TASKS", "4")), Is.EqualTo(("a PMIx launcher", 4)));
    }

    // A library that does not know the launcher takes each process for the only one; each would then write the files of the run.
    [Test]
    public void ALibraryThatFindsAnotherNumberOfProcessesIsRefused()
    {
        Assert.That(Contradiction(1, ("PMIX_RANK", "1")), Does.Contain("started a process of rank 1, but Open MPI 5.0 (libmpi.so.40) finds 1"));
        Assert.That(Contradiction(1, ("PMIX_RANK", "0"), ("SLURM_NTASKS", "2")), Does.Contain("started 2 processes, but Open MPI 5.0 (libmpi.so.40) finds 1"));
        Assert.That(Contradiction(1, ("OMPI_COMM_WORLD_SIZE", "2")), Does.Contain("started 2 processes"));
        Assert.That(Contradiction(1, ("PMIX_RANK", "0")), Is.Null);
        Assert.That(Contradiction(2, ("PMIX_RANK", "1"), ("SLURM_NTASKS", "2")), Is.Null);
    }

    private static string? Contradiction(int found, params (string Name, string Value)[] variables) =>
        MpiLauncher.Find(Environment(variables)).Contradiction(found, "Open MPI 5.0", "libmpi.so.40");

    [Test]
    public void WithoutAnyOfThemThereIsNoJob() => Assert.That(() => Find(("PATH", "/bin")), Throws.InstanceOf<MpiUnavailableException>().With.Message.Contains("mpirun -n N"));

    [Test]
    public void EachTellsTheRank()
    {
        Assert.That(Rank(("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "3")), Is.EqualTo(3));
        Assert.That(Rank(("PMI_SIZE", "3"), ("PMI_RANK", "1")), Is.EqualTo(1));
        Assert.That(Rank(("PMIX_RANK", "2")), Is.EqualTo(2));
        Assert.That(Rank(("PATH", "/bin")), Is.Null);
        static int? Rank(params (string Name, string Value)[] variables) => MpiLauncher.TryFind(Environment(variables))?.Rank;
    }

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
