using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--device</c>, <c>--driver</c> and <c>--threads</c>, the same for every verb that computes.</summary>
internal sealed class DeviceOptions
{
    private readonly Option<string> _device = new("--device")
    {
        Description = "Where to compute: auto (a GPU where there is one that computes a test step right, else the processor), cpu, cuda or cuda:N. A device that cannot be had is an error.",
        DefaultValueFactory = _ => "auto",
        HelpName = "auto|cpu|cuda[:N]",
    };

    private readonly Option<string?> _driver = CreateDriverOption();

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "Processor threads; results are the same for every number. [default: one per core]",
        HelpName = "N",
    };

    /// <summary><c>--driver</c>: how to reach a GPU.</summary>
    public static Option<string?> CreateDriverOption() => new("--driver")
    {
        Description = "How to reach the CUDA driver. [default: the first that can be had]",
        HelpName = string.Join('|', CudaDrivers.Names),
    };

    /// <summary>The name that was given, or null; an unknown one is a usage error.</summary>
    public static string? GetDriver(ParseResult result, Option<string?> option)
    {
        string? name = result.GetValue(option);
        return name is null || CudaDrivers.Names.Contains(name, StringComparer.OrdinalIgnoreCase)
            ? name
            : throw new UserInputException($"--driver is one of {string.Join(", ", CudaDrivers.Names)}; it was {name}.");
    }

    /// <summary>Whether a GPU computes as it should: null, or in one line what it does instead.</summary>
    public static string? Check(int ordinal, string? driver)
    {
        string? wrong = TryOpen(ordinal, driver, out Device? device);
        device?.Dispose();
        return wrong;
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_device);
        command.Options.Add(_driver);
        command.Options.Add(_threads);
    }

    /// <summary>The processor threads that were asked for.</summary>
    public int Threads(ParseResult result) => Threads(result, Environment.ProcessorCount);

    private int Threads(ParseResult result, int otherwise)
    {
        int threads = result.GetValue(_threads) ?? otherwise;
        return threads is >= 1 and <= 1024 ? threads : throw new UserInputException($"--threads is from 1 to 1024; it was {threads}.");
    }

    public Device Open(ParseResult result)
    {
        int threads = Threads(result);
        string? driver = GetDriver(result, _driver);
        string name = result.GetValue(_device)!;
        return name == "auto" && TryOpenGpu(driver, result.InvocationConfiguration.Error, ordinal: 0) is { } gpu ? gpu : OpenNamed(name, threads, driver, anyOrdinal: 0);
    }

    private static Device OpenNamed(string name, int threads, string? driver, int anyOrdinal)
    {
        if (name is "auto" or "cpu")
        {
            return Device.CreateCpu(threads);
        }

        if (ParseOrdinal(name, anyOrdinal) is int ordinal)
        {
            try
            {
                return Device.CreateCuda(ordinal, driver);
            }
            catch (CudaUnavailableException e)
            {
                throw new CudaUnavailableException($"--device {name}: {e.Message} --device cpu works everywhere.");
            }
        }

        throw new UserInputException($"--device is auto, cpu, cuda or cuda:N; it was {name}.");
    }

    /// <summary>
    /// Opens a device for each process of a group: of a machine's GPUs each its own, or a share of its cores. A GPU that nobody asked for is taken where every process has one.
    /// </summary>
    public Device Open(ParseResult result, ProcessGroup? group)
    {
        if (group is null)
        {
            return Open(result);
        }

        int threads = Threads(result, SharedProcessors.Share(group));
        string? driver = GetDriver(result, _driver);
        string name = result.GetValue(_device)!;
        if (name != "auto")
        {
            return Together.Run(group, () => OpenNamed(name, threads, driver, group.LocalRank), device => device.Dispose());
        }

        Device? gpu = TryOpenGpu(driver, group.Rank == 0 ? result.InvocationConfiguration.Error : TextWriter.Null, group.LocalRank);
        if (group.Sum([gpu is null ? 0 : 1])[0] == group.Size)
        {
            return gpu!;
        }

        gpu?.Dispose();
        return Device.CreateCpu(threads);
    }

    // Nobody asked for the GPU, so it has to prove itself; and nobody should wonder why it stays idle.
    private static Device? TryOpenGpu(string? driver, TextWriter messages, int ordinal)
    {
        CudaDevices cuda = CudaDevices.List(driver);
        if (cuda.Driver is null || (cuda.Devices.Count == 0 && cuda.Reason.Length == 0))
        {
            return null;
        }

        string? reason = cuda.Reason;
        if (reason.Length == 0)
        {
            reason = TryOpen(ordinal, driver, out Device? device);
            if (reason is null)
            {
                messages.WriteLine($"Computing on {cuda.Devices[ordinal]}.");
                return device;
            }
        }

        messages.WriteLine($"Computing on the CPU and not on the GPU: {reason}");
        return null;
    }

    private static string? TryOpen(int ordinal, string? driver, out Device? device)
    {
        device = null;
        try
        {
            device = Device.CreateCuda(ordinal, driver);
            if (DeviceCheck.Run(device) is not { } wrong)
            {
                return null;
            }

            device.Dispose();
            device = null;
            return wrong;
        }
        catch (Exception e) when (e is CudaException or CudaUnavailableException)
        {
            device?.Dispose();
            device = null;
            return e.Message;
        }
    }

    private static int? ParseOrdinal(string name, int any) =>
        name == "cuda" ? any :
        name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal) ? ordinal : null;
}
