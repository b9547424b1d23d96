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
        var check = new Option<bool>("--check") { Description = "Run a training step on each GPU and compare it with the processor's." };
        var command = new Command("devices", "Lists what can compute here, and why the rest cannot.") { driver, check };
        command.SetAction(result =>
        {
            TextWriter output = result.InvocationConfiguration.Output;
            string? name = DeviceOptions.GetDriver(result, driver);
            int width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
            output.WriteLine($"cpu   {Environment.ProcessorCount} threads, {RuntimeInformation.ProcessArchitecture}, {width}-bit vectors");
            CudaDevices cuda = CudaDevices.List(name);
            bool right = true;
            foreach (CudaDeviceDescription device in cuda.Devices)
            {
                output.WriteLine($"{device}, through {cuda.Driver}");
                if (result.GetValue(check) && cuda.Reason.Length == 0)
                {
                    string? wrong = DeviceOptions.Check(device.Ordinal, name);
                    output.WriteLine($"      {(wrong is null ? "computes a training step as the processor does" : $"does not compute right: {wrong}")}");
                    right &= wrong is null;
                }
            }

            if (cuda.Devices.Count > 0)
            {
                output.WriteLine(CudaLibraries.TryFindNccl(out string nccl) ? $"nccl  {nccl}" : $"nccl  not available: {nccl}");
            }

            if (cuda.Reason.Length > 0)
            {
                output.WriteLine($"cuda  not available: {cuda.Reason}");
            }

            return right ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }
}
