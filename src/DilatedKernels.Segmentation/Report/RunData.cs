using System.Globalization;
using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Report;

/// <summary>A step as <c>metrics.csv</c> has it.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Loss">The step's loss.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="ImagesPerSecond">The speed, smoothed.</param>
/// <param name="MeanIoU">That of a validation after it, or null.</param>
internal readonly record struct StepRow(double Step, double Loss, double LearningRate, double ImagesPerSecond, double? MeanIoU);

/// <summary>What a run folder says about its run. It is only read, so the run may go on meanwhile.</summary>
internal sealed class RunData
{
    private const long MostConfigBytes = 1 << 24;

    private RunData(string folder, TrainingConfig config)
    {
        Folder = folder;
        Config = config;
        Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>What the page calls the run: the folder's name, or all of its path where that tells it from others.</summary>
    public string Name { get; private init; }

    /// <summary>The run's configuration.</summary>
    public TrainingConfig Config { get; }

    /// <summary>Its steps.</summary>
    public required IReadOnlyList<StepRow> Rows { get; init; }

    /// <summary>Its last validation, or null.</summary>
    public required KeptValidation? Validation { get; init; }

    /// <summary>What it ran on, or null.</summary>
    public required RunFacts? Facts { get; init; }

    /// <summary>The last step that has a row; 0 before there is one.</summary>
    public long LastStep => Rows.Count == 0 ? 0 : (long)Rows[^1].Step;

    /// <summary>Whether it has gone on after what <see cref="Facts"/> describe: it was resumed, and runs or was killed.</summary>
    public bool WentOn => Facts is { } facts && LastStep > facts.Steps;

    /// <summary>The best mean IoU of its validations, or null.</summary>
    public (double Step, double MeanIoU)? Best => Rows.Any(row => row.MeanIoU is not null) ? Rows.Where(row => row.MeanIoU is not null).Select(row => (row.Step, row.MeanIoU!.Value)).MaxBy(row => row.Value) : null;

    /// <summary>Where the validation's pictures are.</summary>
    public string ValidationFolder => Path.Combine(Folder, "validation");

    /// <summary>Reads run folders.</summary>
    /// <exception cref="UserInputException">A folder holds no run, or one of its files holds something else.</exception>
    public static IReadOnlyList<RunData> Read(IReadOnlyList<string> folders)
    {
        RunData[] runs = [.. folders.Select(Read)];
        return [.. runs.Select(run => runs.Count(other => other.Name == run.Name) == 1 ? run : Renamed(run))];

        static RunData Renamed(RunData run) =>
            new(run.Folder, run.Config) { Name = run.Folder, Rows = run.Rows, Validation = run.Validation, Facts = run.Facts };
    }

    /// <summary>Reads a run folder.</summary>
    /// <exception cref="UserInputException">There is no run, or one of its files holds something else.</exception>
    public static RunData Read(string folder)
    {
        string config = Path.Combine(folder, "config.json");
        if (!File.Exists(config))
        {
            throw new UserInputException($"{folder} holds no run: {config} does not exist.");
        }

        FileSize.Check(config, "a run's configuration", MostConfigBytes);
        try
        {
            return new RunData(folder, TrainingJson.Read(File.ReadAllBytes(config)))
            {
                Rows = ReadRows(Path.Combine(folder, "metrics.csv")),
                Validation = KeptValidation.Read(Path.Combine(folder, "validation")),
                Facts = RunFacts.Read(Path.Combine(folder, "run.json")),
            };
        }
        catch (JsonException error)
        {
            throw new UserInputException($"{config} is not a run's configuration: {JsonErrors.Describe(error, ofTree: true)}", error);
        }
    }

    // Lines that are no rows, such as one that is being written, are left out.
    private static List<StepRow> ReadRows(string path)
    {
        var rows = new List<StepRow>();
        if (!File.Exists(path) || FileSize.Of(path) == 0)
        {
            return rows;
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        while (reader.ReadLine() is { } line)
        {
            string[] cells = line.Split(',');
            if (cells.Length == 5 && Number(cells[0]) is { } step && Number(cells[1]) is { } loss && Number(cells[2]) is { } rate && Number(cells[3]) is { } speed
                && (rows.Count == 0 || step > rows[^1].Step))
            {
                rows.Add(new StepRow(step, loss, rate, speed, Number(cells[4])));
            }
        }

        return rows;

        static double? Number(string text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : null;
    }
}
