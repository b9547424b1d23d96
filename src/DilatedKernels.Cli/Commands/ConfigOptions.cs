using System.CommandLine;
using System.Text;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary>A training configuration from a file, changes to single settings, and the whole of it printed.</summary>
internal sealed class ConfigOptions
{
    private readonly Option<string?> _file = new("--config") { Description = "Take the configuration from this JSON file, such as another run's config.json, and not from options.", HelpName = "FILE" };
    private readonly Option<string[]> _set = new("--set") { Description = "Change a setting of the configuration, such as optimizer.learningRate=0.001; may be repeated.", HelpName = "KEY=VALUE" };
    private readonly Option<bool> _print = new("--print-config") { Description = "Print the configuration as JSON and train nothing." };

    /// <summary>All of them.</summary>
    public IEnumerable<Option> All => [_file, _set, _print];

    /// <summary>The configuration that the file, or the options where there is none, and the settings give together.</summary>
    /// <param name="result">The arguments.</param>
    /// <param name="data">The dataset folder, or null.</param>
    /// <param name="fromOptions">Makes it from the options.</param>
    /// <param name="options">The options that have no effect beside a file.</param>
    public TrainingConfig? Get(ParseResult result, string? data, Func<string, TrainingConfig> fromOptions, IEnumerable<Option> options)
    {
        TrainingConfig config;
        if (result.GetValue(_file) is { } file)
        {
            Given.Refuse(result, "--config takes everything from its file; change single settings with --set KEY=VALUE.", options);
            config = ConfigText.Read(file, data is null ? null : Path.GetFullPath(data));
        }
        else if (data is not null)
        {
            config = fromOptions(data);
        }
        else
        {
            return null;
        }

        string[] settings = result.GetValue(_set) ?? [];
        config = settings.Length == 0 ? config : ConfigText.Set(config, settings);
        // As options' are: the run may be resumed from elsewhere.
        config = config with { Data = Full("data", config.Data), Weights = config.Weights is { } weights ? Full("weights", weights) : null };
        try
        {
            config.Validate();
        }
        catch (UserInputException error) when (result.GetValue(_file) is { } path)
        {
            throw new UserInputException($"{path}{(settings.Length > 0 ? " with --set" : "")}: {error.Message}", error);
        }

        return config;
    }

    private static string Full(string name, string path) =>
        string.IsNullOrWhiteSpace(path) ? throw new UserInputException($"The configuration's {name} is an empty text; it names a {(name == "data" ? "folder" : "file")}.") : Path.GetFullPath(path);

    /// <summary>Prints the configuration where that is asked for.</summary>
    /// <returns>Whether it was.</returns>
    public bool Print(ParseResult result, TrainingConfig config, TextWriter output)
    {
        if (!result.GetValue(_print))
        {
            return false;
        }

        output.Write(Encoding.UTF8.GetString(TrainingJson.ToBytes(config)));
        return true;
    }
}
