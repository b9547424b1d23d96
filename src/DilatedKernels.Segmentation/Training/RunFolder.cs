using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>The files of a training run.</summary>
public sealed class RunFolder : IDisposable
{
    private const string LockName = ".lock";
    private const long MostConfigBytes = 1 << 24;
    private readonly FileStream? _lock;

    private RunFolder(string path, bool isOwner = true)
    {
        Path = path;
        if (!isOwner)
        {
            return;
        }

        try
        {
            _lock = new FileStream(
                System.IO.Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (IOException) when (File.Exists(System.IO.Path.Combine(path, LockName)))
        {
            throw new UserInputException($"Another process is training in {path}; wait for it or stop it, or name another folder.");
        }
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The run's configuration.</summary>
    public string ConfigFile => System.IO.Path.Combine(Path, "config.json");

    /// <summary>One row a logged step.</summary>
    public string MetricsFile => System.IO.Path.Combine(Path, "metrics.csv");

    /// <summary>The same rows as JSON, with the time and what each validation found of every class.</summary>
    public string MetricsLinesFile => System.IO.Path.Combine(Path, "metrics.jsonl");

    /// <summary>The event file for TensorBoard, of loss, learning rate and mean IoU.</summary>
    public string EventFolder => System.IO.Path.Combine(Path, "tensorboard");

    /// <summary>Loss and mean IoU over the steps, drawn from <see cref="MetricsFile"/>.</summary>
    public string CurvesFile => System.IO.Path.Combine(Path, "curves.svg");

    /// <summary>The newest checkpoint.</summary>
    public string LastCheckpoint => System.IO.Path.Combine(Path, "last.safetensors");

    /// <summary>The checkpoint before the newest.</summary>
    public string PreviousCheckpoint => System.IO.Path.Combine(Path, "previous.safetensors");

    /// <summary>The checkpoint with the best validation.</summary>
    public string BestCheckpoint => System.IO.Path.Combine(Path, "best.safetensors");

    /// <summary>The last validation's scores, and pictures of its worst images.</summary>
    public string ValidationFolder => System.IO.Path.Combine(Path, "validation");

    /// <summary>What the run ran on and what it took.</summary>
    public string FactsFile => System.IO.Path.Combine(Path, "run.json");

    /// <summary>All of it as a page.</summary>
    public string ReportFile => System.IO.Path.Combine(Path, "report.html");

    /// <summary>Stored score maps of the context recipe.</summary>
    public string ScoreMapFolder => System.IO.Path.Combine(Path, "score-maps");

    /// <summary>The checkpoint to resume from, or null when the run had not reached one.</summary>
    public string? NewestCheckpoint() =>
        File.Exists(LastCheckpoint) ? LastCheckpoint : File.Exists(PreviousCheckpoint) ? PreviousCheckpoint : null;

    /// <summary>Lets another process have the folder.</summary>
    public void Dispose() => _lock?.Dispose();

    /// <summary>The folder of a run that another process of a group has created, for reading what it writes there.</summary>
    internal static RunFolder Join(string path)
    {
        RequirePath(path);
        return new RunFolder(path, isOwner: false);
    }

    /// <summary>Undoes <see cref="Create"/> for a run that could not begin: the folder can be named again.</summary>
    internal void Discard()
    {
        if (_lock is not null)
        {
            File.Delete(ConfigFile);
        }

        Dispose();
    }

    /// <summary>Starts a run in a new or empty folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="config">Written as <c>config.json</c>.</param>
    /// <exception cref="UserInputException">The folder holds something already or cannot be written.</exception>
    public static RunFolder Create(string path, TrainingConfig config)
    {
        RequirePath(path);
        if (File.Exists(path))
        {
            throw new UserInputException($"{path} is a file; the run needs a folder of its own.");
        }

        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => !IsLeftOver(entry)))
        {
            throw new UserInputException(File.Exists(System.IO.Path.Combine(path, "config.json"))
                ? $"{path} holds a run already. Continue it with {Suggestion.Of("train", "--resume", path)}, or name another folder; nothing was overwritten."
                : $"{path} is not empty. Name another folder for the run; nothing was overwritten.");
        }

        RunFolder? folder = null;
        try
        {
            Directory.CreateDirectory(path);
            folder = new RunFolder(path);
            AtomicFile.Write(folder.ConfigFile, TrainingJson.ToBytes(config));
            return folder;
        }
        catch (UserInputException)
        {
            folder?.Dispose();
            throw;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"The run folder {path} cannot be written: {error.Message}", error);
        }
    }

    /// <summary>Opens the folder of a run that was started before.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="config">The run's configuration.</param>
    /// <exception cref="UserInputException">There is no run, or its configuration cannot be read.</exception>
    public static RunFolder Open(string path, out TrainingConfig config) => Open(path, isOwner: true, out config);

    /// <summary>As <see cref="Open(string, out TrainingConfig)"/>; where another process of a group owns the folder, nothing in it is changed.</summary>
    internal static RunFolder Open(string path, bool isOwner, out TrainingConfig config)
    {
        RequirePath(path);
        string configFile = System.IO.Path.Combine(path, "config.json");
        if (!File.Exists(configFile))
        {
            throw new UserInputException($"{path} holds no run: {configFile} does not exist.");
        }

        var folder = new RunFolder(path, isOwner);
        try
        {
            FileSize.Check(folder.ConfigFile, "a run's configuration", MostConfigBytes);
            config = TrainingJson.Read(File.ReadAllBytes(folder.ConfigFile));
        }
        catch (JsonException error)
        {
            folder.Dispose();
            throw new UserInputException($"{folder.ConfigFile} is not a run's configuration: {JsonErrors.Describe(error, ofTree: true)}", error);
        }
        catch
        {
            folder.Dispose();
            throw;
        }

        if (isOwner)
        {
            folder.RemoveTemporaries();
        }

        return folder;
    }

    /// <summary>How to go on where the newest checkpoint is damaged.</summary>
    internal string WayOut(string checkpoint)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(PreviousCheckpoint);
            file.Verify();
            return $"The checkpoint before it is {PreviousCheckpoint}; put it in the place of {checkpoint} to continue from there.";
        }
        catch (SafetensorsException)
        {
            return $"The checkpoint before it, {PreviousCheckpoint}, is damaged, too: start a new run{(File.Exists(BestCheckpoint) ? $", with --weights {BestCheckpoint}" : "")}.";
        }
    }

    // A process that was killed before its run began leaves no more than this.
    private static bool IsLeftOver(string entry) => System.IO.Path.GetFileName(entry) is var name && (name == LockName || name.EndsWith(".tmp", StringComparison.Ordinal));

    // What a process that was killed had begun to write. Found by its names: a folder that somebody linked here holds files of others.
    private void RemoveTemporaries()
    {
        string[] names = [.. new[] { ConfigFile, MetricsFile, MetricsLinesFile, CurvesFile, FactsFile, ReportFile, LastCheckpoint, BestCheckpoint }.Select(file => $"{System.IO.Path.GetFileName(file)}.")];
        Remove(Path, name => names.Any(own => name.StartsWith(own, StringComparison.Ordinal)));
        if (Directory.Exists(ScoreMapFolder))
        {
            Remove(ScoreMapFolder, name => name.Contains(".safetensors.", StringComparison.Ordinal) && char.IsAsciiDigit(name[0]));
        }

        if (Directory.Exists(ValidationFolder))
        {
            Remove(ValidationFolder, name => name.StartsWith(KeptValidation.FileName, StringComparison.Ordinal) || (name.Contains(".png.", StringComparison.Ordinal) && char.IsAsciiDigit(name[0])));
        }

        if (Directory.Exists(EventFolder))
        {
            Remove(EventFolder, TensorBoard.EventFile.IsOwn);
        }

        static void Remove(string folder, Func<string, bool> isOwn)
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*.tmp").Where(file => isOwn(System.IO.Path.GetFileName(file))))
            {
                File.Delete(file);
            }
        }
    }

    private static void RequirePath(string path)
    {
        if (string.IsNullOrWhiteSpace(path))
        {
            throw new UserInputException("The run folder's name is empty.");
        }
    }
}
