using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Training;

/// <summary>What a run ran on and what it took: <c>run.json</c>, written whenever the training ends or is interrupted.</summary>
internal sealed record RunFacts
{
    private const long MostBytes = 1 << 20;

    /// <summary>The device, such as <c>cpu</c>.</summary>
    public required string Device { get; init; }

    /// <summary>Processor threads.</summary>
    public int Threads { get; init; }

    /// <summary>The operating system and its architecture.</summary>
    public required string System { get; init; }

    /// <summary>The .NET runtime.</summary>
    public required string Runtime { get; init; }

    /// <summary>This library's version.</summary>
    public required string Version { get; init; }

    /// <summary>When the training ended or was interrupted last.</summary>
    public DateTimeOffset Ended { get; init; }

    /// <summary>Steps done.</summary>
    public long Steps { get; init; }

    /// <summary>Whether these are all.</summary>
    public bool IsComplete { get; init; }

    /// <summary>What the run took, validations included, without the time that it lay interrupted.</summary>
    public double Seconds { get; init; }

    /// <summary>The best validation's mean IoU, or null.</summary>
    public double? BestMeanIoU { get; init; }

    /// <summary>Numbers that learn.</summary>
    public long Parameters { get; init; }

    /// <summary>Images of the training split.</summary>
    public int TrainingImages { get; init; }

    /// <summary>Images of the validation split.</summary>
    public int ValidationImages { get; init; }

    /// <summary>The most memory that tensors had at once, since the process began.</summary>
    public long PeakTensorBytes { get; init; }

    /// <summary>The most memory that the process had at once.</summary>
    public long PeakProcessBytes { get; init; }

    /// <summary>The facts about this process and device.</summary>
    public static RunFacts Of(Device device)
    {
        using var process = Process.GetCurrentProcess();
        return new RunFacts
        {
            Device = device.Name,
            Threads = device.Threads,
            System = $"{RuntimeInformation.OSDescription.Trim()}, {RuntimeInformation.ProcessArchitecture}",
            Runtime = RuntimeInformation.FrameworkDescription,
            Version = typeof(RunFacts).Assembly.GetName().Version?.ToString(3) ?? "",
            Ended = DateTimeOffset.UtcNow,
            PeakTensorBytes = device.Memory.PeakBytes,
            PeakProcessBytes = process.PeakWorkingSet64,
        };
    }

    public void Write(string path) => AtomicFile.Write(path, [.. JsonSerializer.SerializeToUtf8Bytes(this, RunFactsJson.Default.RunFacts), (byte)'\n']);

    /// <summary>Reads a run's facts; null where there are none, as in runs of earlier versions.</summary>
    /// <exception cref="UserInputException">The file holds something else.</exception>
    public static RunFacts? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        FileSize.Check(path, "a run's facts", MostBytes);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), RunFactsJson.Default.RunFacts);
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{path} does not say what a run took: {JsonErrors.Describe(error)}", error);
        }
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(RunFacts))]
internal sealed partial class RunFactsJson : JsonSerializerContext;
