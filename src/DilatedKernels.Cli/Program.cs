using DilatedKernels.Cli;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;

Suggestion.Program = ProgramName.Of(Environment.ProcessPath, Environment.GetCommandLineArgs()[0], WorkingFolder.Find(), Environment.GetEnvironmentVariable("PATH"));
return await CommandLine.RunAsync(args, ClosedWriter.Or(() => Console.Out), At(Console.IsOutputRedirected), ClosedWriter.Or(() => Console.Error), At(Console.IsErrorRedirected)).ConfigureAwait(false);

static Screen At(bool isRedirected) =>
    Screen.Of(isRedirected, Console.OutputEncoding, () => Console.WindowWidth, Environment.GetEnvironmentVariable, OperatingSystem.IsWindows());
