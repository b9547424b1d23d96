using System.CommandLine;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--device</c> and <c>--threads</c>, the same for every verb that computes.</summary>
internal sealed class DeviceOptions
{
    private readonly Option<string> _device = new("--device")
    {
        Description = "Where to compute: auto, cpu, cuda or cuda:N. A device that cannot be had is an error.",
        DefaultValueFactory = _ => "auto",
        HelpName = "auto|cpu|cuda[:N]",
    };

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "Processor threads; results are the same for every number. [default: one per core]",
        HelpName = "N",
    };

    public void AddTo(Command command)
    {
        command.Options.Add(_device);
        command.Options.Add(_threads);
    }

    public Device Open(ParseResult result)
    {
        int threads = result.GetValue(_threads) ?? Environment.ProcessorCount;
        if (threads is < 1 or > 1024)
        {
            throw new UserInputException($"--threads is from 1 to 1024; it was {threads}.");
        }

        string name = result.GetValue(_device)!;
        if (name is "auto" or "cpu")
        {
            return Device.CreateCpu(threads);
        }

        if (name == "cuda" || (name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), out int index) && index >= 0))
        {
            throw new DeviceUnavailableException($"--device {name}: this build has no CUDA backend. --device cpu works everywhere.");
        }

        throw new UserInputException($"--device is auto, cpu, cuda or cuda:N; it was {name}.");
    }
}
