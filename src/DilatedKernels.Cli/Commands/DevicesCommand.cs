using System.CommandLine;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated devices</c>: what it would run on, and why not on the others.</summary>
internal static class DevicesCommand
{
    public static Command Create()
    {
        var command = new Command("devices", "Lists what can compute here, and why the rest cannot.");
        command.SetAction(result =>
        {
            TextWriter output = result.InvocationConfiguration.Output;
            int width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
            output.WriteLine($"cpu   {Environment.ProcessorCount} threads, {RuntimeInformation.ProcessArchitecture}, {width}-bit vectors");
            output.WriteLine("cuda  not available: this build has no CUDA backend");
            return ExitCode.Ok;
        });
        return command;
    }
}
