using DilatedKernels.Tests.Distributed;

namespace DilatedKernels.Tests;

/// <summary>Runs the tests; or, where a test has mpirun start this program, one process of its job.</summary>
internal static class Program
{
    public static Task<int> Main(string[] args) =>
        args is [MpiProcess.Verb, .. string[] rest] ? Task.FromResult(MpiProcess.Run(rest)) : MicrosoftTestingPlatformApplication.RunAsync(args);
}
