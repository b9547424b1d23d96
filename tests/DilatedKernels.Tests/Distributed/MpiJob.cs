using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Cli;
using DilatedKernels.Measuring;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Distributed;

/// <summary>Starts jobs of this program with Open MPI's or MPICH's mpirun.</summary>
internal sealed class MpiJob
{
    public const string OpenMpi = "Open MPI";
    public const string Mpich = "MPICH";

    private static readonly string[] Self = ["dotnet", typeof(MpiJob).Assembly.Location, MpiProcess.Verb];

    private readonly string[] _mpirun;
    private readonly string _implementation;
    private LinkedHosts? _hosts;
    private readonly Dictionary<string, string> _environment = new()
    {
        // Tests may run as root, in a container.
        ["OMPI_ALLOW_RUN_AS_ROOT"] = "1",
        ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1",
    };

    private MpiJob(string[] mpirun, string implementation) => (_mpirun, _implementation) = (mpirun, implementation);

    /// <summary>Skips the calling test where the implementation is not installed.</summary>
    public static MpiJob Of(string implementation)
    {
        (string[] programs, string sign, string[] options) = implementation == OpenMpi
            ? (new[] { "mpirun.openmpi", "mpirun" }, "Open MPI", new[] { "--oversubscribe" })
            : (["mpirun.mpich", "mpirun"], "HYDRA", []);
        string? found = programs.FirstOrDefault(program => VersionOf(program)?.Contains(sign, StringComparison.Ordinal) == true);
        BuildPart.SkipUnless(found is not null, BuildPart.Mpi, $"there is no mpirun of {implementation}: {string.Join(" and ", programs)} were tried");
        return new MpiJob([found!, .. options], implementation);
    }

    /// <summary>Starts the processes of jobs on hosts, one on each.</summary>
    public MpiJob On(LinkedHosts hosts)
    {
        _hosts = hosts;
        return this;
    }

    public MpiJob With(string variable, string value)
    {
        _environment[variable] = value;
        return this;
    }

    /// <summary>Runs a job to its end, which must come within half a minute from when its processes have found each other.</summary>
    public (int ExitCode, string Output, string Error) Run(int processes, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        long started = Stopwatch.GetTimestamp();
        DilatedProcess.Result result = DilatedProcess.RunProgram(
            folder.Path, _environment, [.. Mpirun(folder.Path, processes), .. Self, .. arguments]);
        long ended = Stopwatch.GetTimestamp();

        // To start the processes takes long on a busy machine: not counted where they have told when they had (stopwatches of one machine agree), else allowed for.
        Match joined = Regex.Match(result.Output, $@"{MpiProcess.Joined} (\d+)");
        (long begun, int limit) = joined.Success ? (long.Parse(joined.Groups[1].Value, CultureInfo.InvariantCulture), 30) : (started, 60);
        Assert.That(Stopwatch.GetElapsedTime(begun, ended).TotalSeconds, Is.LessThan(limit), result.Error);

        return (result.ExitCode, result.Output, result.Error);
    }

    /// <summary>Runs the command as the processes of a job, in a working folder.</summary>
    public DilatedProcess.Result RunCommand(string folder, int processes, params string[] arguments) =>
        DilatedProcess.RunThrough(folder, _environment, Mpirun(folder, processes), arguments);

    /// <summary>Runs a line of the shell as each process of a job, in a working folder.</summary>
    public DilatedProcess.Result RunShell(string folder, int processes, string line) =>
        DilatedProcess.RunProgram(folder, _environment, [.. Mpirun(folder, processes), "sh", "-c", line]);

    /// <summary>Starts a job whose end may be long in coming, in a working folder.</summary>
    public DilatedProcess Start(string folder, int processes, params string[] arguments) =>
        DilatedProcess.StartProgram(folder, _environment, [.. Mpirun(folder, processes), .. Self, .. arguments]);

    /// <summary>Starts the command so.</summary>
    public DilatedProcess StartCommand(string folder, int processes, params string[] arguments) =>
        DilatedProcess.StartThrough(folder, _environment, Mpirun(folder, processes), arguments);

    /// <summary>The number in the system of a job's process, by the environment of all processes here; null where it has not started or is gone.</summary>
    /// <param name="mark">A variable and its value, which the job alone has: <c>NAME=VALUE</c>.</param>
    /// <param name="rank">Its rank.</param>
    public static int? ProcessOf(string mark, int rank) => ProcessesOf(mark, rank).Select(process => (int?)process.Id).FirstOrDefault();

    /// <summary>That of the process of the command that computes; under MPICH it is the child of one that waits for it.</summary>
    public static int? CommandOf(string mark, int rank) => ProcessesOf(mark, rank).Where(process => process.Computes).Select(process => (int?)process.Id).FirstOrDefault();

    /// <summary>That of the one that waits for it.</summary>
    public static int? ParentOf(string mark, int rank) => ProcessesOf(mark, rank).Where(process => !process.Computes).Select(process => (int?)process.Id).FirstOrDefault();

    private static IEnumerable<(int Id, bool Computes)> ProcessesOf(string mark, int rank)
    {
        foreach (string folder in Directory.EnumerateDirectories("/proc").Where(folder => int.TryParse(Path.GetFileName(folder), out _)))
        {
            string[] environment;
            try
            {
                environment = File.ReadAllText(Path.Combine(folder, "environ")).Split('\0');
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It has ended, or is somebody else's.
                continue;
            }

            bool isOpenMpi = environment.Contains($"OMPI_COMM_WORLD_RANK={rank}");
            if (environment.Contains(mark) && (isOpenMpi || environment.Contains($"PMI_RANK={rank}")))
            {
                bool isChild = environment.Any(variable => variable.StartsWith($"{RankSupervisor.Variable}=", StringComparison.Ordinal));
                yield return (int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture), isOpenMpi || isChild);
            }
        }
    }

    private string[] Mpirun(string folder, int processes) =>
        _hosts is null ? [.. _mpirun, "-n", $"{processes}"] : _hosts.Mpirun(_mpirun, _implementation == OpenMpi, folder);

    private static string? VersionOf(string program)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, "--version") { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string version = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return version;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
