using System.CommandLine;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using DilatedKernels.Cuda;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated devices</c>: what it would run on, and why not on the others.</summary>
internal static class DevicesCommand
{
    public static Command Create()
    {
        Option<string?> driver = DeviceOptions.CreateDriverOption();
        var command = new Command("devices", "Lists what can compute here, and why the rest cannot.") { driver };
        command.SetAction(result =>
        {
            TextWriter output = result.InvocationConfiguration.Output;
            int width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
            output.WriteLine($"cpu   {Environment.ProcessorCount} threads, {RuntimeInformation.ProcessArchitecture}, {width}-bit vectors");
            CudaDevices cuda = CudaDevices.List(DeviceOptions.GetDriver(result, driver));
            foreach (CudaDeviceDescription device in cuda.Devices)
            {
                output.WriteLine($"{device}, through {cuda.Driver}");
            }

            if (cuda.Reason.Length > 0)
            {
                output.WriteLine($"cuda  not available: {cuda.Reason}");
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
