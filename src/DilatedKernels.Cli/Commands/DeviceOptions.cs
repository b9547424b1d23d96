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
    public int Threads(ParseResult result) => Threads(result, group: null);

    /// <summary>The processor threads that were asked for; of several processes that were not told, each its share.</summary>
    public int Threads(ParseResult result, ProcessGroup? group) => Threads(result, group is null ? Environment.ProcessorCount : SharedProcessors.Share(group));

    private int Threads(ParseResult result, int otherwise)
    {
        int threads = result.GetValue(_threads) ?? otherwise;
        return threads is >= 1 and <= 1024 ? threads : throw new UserInputException($"--threads is from 1 to 1024; it was {threads}.");
    }

    /// <param name="result">What was given.</param>
    /// <param name="precision">How a GPU that is named multiplies float32; any but Strict needs one.</param>
    public Device Open(ParseResult result, Float32Precision precision = Float32Precision.Strict)
    {
        int threads = Threads(result);
        string? driver = GetDriver(result, _driver);
        string name = result.GetValue(_device)!;
        if (precision != Float32Precision.Strict && !name.StartsWith("cuda", StringComparison.Ordinal))
        {
            throw new UserInputException($"--float32 {precision.ToString().ToLowerInvariant()} is of GPUs; it needs --device cuda, and that was {name}.");
        }

        if (name != "auto")
        {
            return OpenNamed(name, threads, driver, () => 0, precision);
        }

        // Nobody asked for the GPU, so it has to prove itself; and nobody should wonder why it stays idle.
        FoundGpu found = FindGpu(driver, _ => 0);
        TextWriter messages = result.InvocationConfiguration.Error;
        if (found.Device is not null)
        {
            messages.WriteLine($"Computing on {found.Text}.");
        }
        else if (found.IsWorthTelling)
        {
            messages.WriteLine($"Computing on the CPU and not on the GPU: {found.Text}");
        }

        return found.Device ?? Device.CreateCpu(threads);
    }

    private static Device OpenNamed(string name, int threads, string? driver, Func<int> anyOrdinal, Float32Precision precision = Float32Precision.Strict)
    {
        if (name == "cpu")
        {
            return Device.CreateCpu(threads);
        }

        if (ParseOrdinal(name, anyOrdinal) is int ordinal)
        {
            try
            {
                return Device.CreateCuda(ordinal, driver, precision);
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

        int share = SharedProcessors.Share(group);
        string name = result.GetValue(_device)!;
        if (name != "auto")
        {
            return Together.Run(
                group,
                () =>
                {
                    string? driver = GetDriver(result, _driver);
                    return OpenNamed(name, Threads(result, share), driver, () => SharedGpus.Ordinal(group.LocalRank, CudaDevices.List(driver).Devices.Count));
                },
                device => device.Dispose());
        }

        (int threads, FoundGpu found) = Together.Run(
            group,
            () => (Threads(result, share), FindGpu(GetDriver(result, _driver), visible => SharedGpus.Ordinal(group.LocalRank, visible))),
            own => own.Item2.Device?.Dispose());
        string? whyNot = SharedGpus.WhyNot(group, found.Device is null ? found.Text : null);
        bool isWorthTelling = group.Sum([found.IsWorthTelling ? 1 : 0])[0] > 0;
        TextWriter messages = group.Rank == 0 ? result.InvocationConfiguration.Error : TextWriter.Null;
        if (whyNot is null)
        {
            messages.WriteLine($"Computing on {found.Text}.");
            return found.Device!;
        }

        if (isWorthTelling)
        {
            messages.WriteLine($"All processes compute on the CPU: {whyNot}");
        }

        found.Device?.Dispose();
        return Device.CreateCpu(threads);
    }

    private static FoundGpu FindGpu(string? driver, Func<int, int> choose)
    {
        CudaDevices cuda = CudaDevices.List(driver);
        if (cuda.Driver is null || (cuda.Devices.Count == 0 && cuda.Reason.Length == 0))
        {
            return new FoundGpu(null, cuda.Reason.Length > 0 ? cuda.Reason : "There is none.", IsWorthTelling: false);
        }

        if (cuda.Reason.Length > 0)
        {
            return new FoundGpu(null, cuda.Reason, IsWorthTelling: true);
        }

        int ordinal = choose(cuda.Devices.Count);
        return TryOpen(ordinal, driver, out Device? device) is { } wrong
            ? new FoundGpu(null, wrong, IsWorthTelling: true)
            : new FoundGpu(device, $"{cuda.Devices[ordinal]}", IsWorthTelling: true);
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

    private static int? ParseOrdinal(string name, Func<int> any) =>
        name == "cuda" ? any() :
        name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal) ? ordinal : null;

    /// <summary>A GPU that nobody asked for, or that there is none.</summary>
    /// <param name="Device">Open, and found to compute right; or null.</param>
    /// <param name="Text">Its description, or why there is none.</param>
    /// <param name="IsWorthTelling">False on a machine that has no GPU at all.</param>
    private sealed record FoundGpu(Device? Device, string Text, bool IsWorthTelling);
}
