using System.Globalization;
using DilatedKernels.Cli;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;

// Numbers are written and read in one way, whatever the user's language.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;

// Open MPI's mpirun gives a process a terminal of its own and passes on what is written there: it has no width, and the codes that .NET begins a terminal with are not to be in it.
bool isPassedOn = Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK") is not null;
if (isPassedOn)
{
    Environment.SetEnvironmentVariable("TERM", "dumb");
}

Suggestion.Program = ProgramName.Of(Environment.ProcessPath, Environment.GetCommandLineArgs()[0], WorkingFolder.Find(), Environment.GetEnvironmentVariable("PATH"));
return await CommandLine.RunAsync(
    args, ClosedWriter.Or(() => Console.Out), At(isPassedOn || Console.IsOutputRedirected), ClosedWriter.Or(() => Console.Error), At(isPassedOn || Console.IsErrorRedirected)).ConfigureAwait(false);

static Screen At(bool isRedirected) =>
    Screen.Of(isRedirected, Console.OutputEncoding, () => Console.WindowWidth, Environment.GetEnvironmentVariable, OperatingSystem.IsWindows());
