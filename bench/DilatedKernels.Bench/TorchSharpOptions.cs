using System.CommandLine;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary>The options of the verbs that start programs with TorchSharp, which ./build.sh builds only where they are asked for.</summary>
internal sealed class TorchSharpOptions
{
    private readonly Option<bool> _wanted = new("--torchsharp") { Description = "TorchSharp with a PyTorch of its own, too; ./build.sh downloads it, 130 MB." };
    private readonly Option<string?> _through = new("--torchsharp-through") { Description = "A program that starts TorchSharp's, where it does not start by itself.", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        command.Add(_wanted);
        command.Add(_through);
    }

    /// <summary>What starts TorchSharp's programs, or null.</summary>
    public string? Through(ParseResult result) => result.GetValue(_through);

    /// <summary>How a project under bench/peers is started, or null where it is not asked for.</summary>
    /// <exception cref="UserInputException">A file is missing.</exception>
    public string[]? Command(ParseResult result, string project) =>
        !result.GetValue(_wanted) ? null : [.. Through(result) is { } through ? (string[])[OurFiles.Existing(through)] : [], OurFiles.Existing(OurFiles.Built(project, project))];
}
