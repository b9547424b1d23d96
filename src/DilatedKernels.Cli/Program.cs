using DilatedKernels.Cli;
using DilatedKernels.Segmentation;

Suggestion.Program = ProgramName.Of(Environment.ProcessPath, Environment.GetCommandLineArgs()[0], Environment.CurrentDirectory, Environment.GetEnvironmentVariable("PATH"));
return await CommandLine.RunAsync(args, Console.Out, Console.Error).ConfigureAwait(false);
