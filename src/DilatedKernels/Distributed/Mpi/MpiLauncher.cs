using System.Globalization;

namespace DilatedKernels.Distributed.Mpi;

/// <summary>What mpirun, or a cluster's own launcher such as Slurm's srun, put into the environment of the processes it starts.</summary>
/// <param name="Name">Whose mpirun it was.</param>
/// <param name="Size">How many processes it started; 0 where it does not say.</param>
/// <param name="Libraries">The files of the library that it works with, in the order in which they are tried.</param>
internal sealed record MpiLauncher(string Name, int Size, IReadOnlyList<string> Libraries)
{
    /// <summary>The number that it gave this process; 0 where it does not say.</summary>
    public int Rank { get; init; }

    /// <summary>The environment variable that names the MPI library.</summary>
    public const string LibraryVariable = "DILATEDKERNELS_LIBMPI";

    private static readonly string[] OpenMpi = OperatingSystem.IsMacOS() ? ["libmpi.40.dylib"] : ["libmpi.so.40"];
    private static readonly string[] Mpich = OperatingSystem.IsMacOS() ? ["libmpi.12.dylib"] : ["libmpich.so.12", "libmpi.so.12"];

    /// <summary>The launcher that started this process.</summary>
    /// <param name="read">Reads a variable of the environment.</param>
    /// <exception cref="MpiUnavailableException">None did.</exception>
    public static MpiLauncher Find(Func<string, string?> read)
    {
        MpiLauncher launcher = TryFind(read)
            ?? throw new MpiUnavailableException("This process was not started by mpirun; start it as: mpirun -n N COMMAND, with N the number of processes.");
        return read(LibraryVariable) is { Length: > 0 } chosen ? launcher with { Libraries = [chosen] } : launcher;
    }

    /// <summary>The launcher that started this process; null where none did.</summary>
    /// <param name="read">Reads a variable of the environment.</param>
    public static MpiLauncher? TryFind(Func<string, string?> read) =>
        read("OMPI_COMM_WORLD_SIZE") is { } openMpi ? new("Open MPI", Number(openMpi), OpenMpi) { Rank = Number(read("OMPI_COMM_WORLD_RANK") ?? "") }
        : read("PMI_SIZE") is { } mpich ? new("MPICH", Number(mpich), Mpich) { Rank = Number(read("PMI_RANK") ?? "") }
        : read("PMIX_RANK") is { } rank ? new("a PMIx launcher", Number(read("SLURM_STEP_NUM_TASKS") ?? read("SLURM_NTASKS") ?? ""), [.. OpenMpi, .. Mpich]) { Rank = Number(rank) }
        : null;

    /// <summary>What is wrong where the library found so many processes; null where nothing is.</summary>
    /// <param name="found">The number of processes.</param>
    /// <param name="version">The library's name and version.</param>
    /// <param name="file">Its file.</param>
    public string? Contradiction(int found, string version, string file)
    {
        // A library that cannot talk to the launcher takes each process for a job of its own.
        string? started =
            Size > 0 && Size != found ? $"{Size} processes"
            : Rank >= found ? $"a process of rank {Rank}"
            : null;
        return started is null ? null : $"mpirun of {Name} started {started}, but {version} ({file}) finds {found}: mpirun and the library do not belong together.";
    }

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
}
