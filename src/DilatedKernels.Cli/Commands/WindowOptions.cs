using System.CommandLine;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--window</c>, <c>--overlap</c> and <c>--blend</c>, the same for every verb that segments images.</summary>
internal sealed class WindowOptions
{
    private readonly Option<int?> _window = new("--window") { Description = "See an image through windows of this many pixels a side, one after the other: for images that are too large for the memory at once.", HelpName = "PIXELS" };
    private readonly Option<int?> _overlap = new("--overlap") { Description = "Pixels that neighbouring windows have in common. [default: a quarter of --window]", HelpName = "PIXELS" };
    private readonly Option<WindowBlending> _blend = Choice.Of("--blend", "What counts where windows overlap: all of them, less towards their borders, or the one whose border is farther away.", WindowBlending.Smooth);

    public IEnumerable<Option> Options => [_window, _overlap, _blend];

    public void AddTo(Command command)
    {
        foreach (Option option in Options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The windows, or null where none were asked for.</summary>
    public SlidingWindow? Parse(ParseResult result)
    {
        if (result.GetValue(_window) is not { } size)
        {
            Given.Refuse(result, "without --window PIXELS an image is seen whole.", _overlap, _blend);
            return null;
        }

        try
        {
            return new SlidingWindow(size, result.GetValue(_overlap) ?? size / 4, result.GetValue(_blend));
        }
        catch (ArgumentException exception)
        {
            throw new UserInputException($"--window {size}: {ErrorText.Of(exception)}", exception);
        }
    }
}
