using System.CommandLine;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--out</c> and <c>--overwrite</c> of the verbs that write one file; refuses a wrong one before anything is computed.</summary>
internal sealed class OutputFile(string example)
{
    private readonly Option<string> _out = new("--out") { Description = "The file to write.", Required = true, HelpName = "FILE" };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Write over a file that is there already." };

    public void AddTo(Command command)
    {
        command.Options.Add(_out);
        command.Options.Add(_overwrite);
    }

    public string Path(ParseResult result, params IEnumerable<string> sources)
    {
        string path = result.GetValue(_out)!;
        if (string.IsNullOrWhiteSpace(path) || Directory.Exists(path))
        {
            throw new UserInputException($"--out names the file to write, such as {example}; \"{path}\" cannot be one.");
        }

        string full = System.IO.Path.GetFullPath(path);
        if (Targets.Real(sources).Contains(RealPath.Of(full)))
        {
            throw new UserInputException($"--out {path} is the file to be read; name another one.");
        }

        if (!Directory.Exists(System.IO.Path.GetDirectoryName(full)))
        {
            throw new UserInputException($"There is no folder {System.IO.Path.GetDirectoryName(full)} for --out {path}.");
        }

        Targets.RefuseDevice("--out", path, example);
        return File.Exists(path) && !result.GetValue(_overwrite)
            ? throw new UserInputException($"{path} exists already; name another file with --out, or allow it with --overwrite.")
            : path;
    }
}
