using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--flip</c> and <c>--scales</c>, the same for every verb that segments images.</summary>
internal sealed class ViewOptions
{
    private readonly Option<bool> _flip = new("--flip") { Description = "Average the probabilities of the image and of its mirror image." };
    private readonly Option<string?> _scales = new("--scales") { Description = "Average the probabilities of the image at these scales, such as 0.75,1,1.25; with --flip all mirrored too.", HelpName = "LIST" };

    public IEnumerable<Option> Options => [_flip, _scales];

    public void AddTo(Command command)
    {
        foreach (Option option in Options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The views, or null where neither option was given.</summary>
    public PredictionViews? Parse(ParseResult result)
    {
        bool flip = result.GetValue(_flip);
        if (result.GetValue(_scales) is not { } text)
        {
            return flip ? new PredictionViews([1], flip) : null;
        }

        double[] scales = [.. text.Split(',').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double scale)
            ? scale
            : throw new UserInputException($"--scales is a list of scales such as 0.75,1,1.25; it was {text}."))];
        try
        {
            return new PredictionViews(scales, flip);
        }
        catch (ArgumentException exception)
        {
            throw new UserInputException($"--scales {text}: {ErrorText.Of(exception)}", exception);
        }
    }
}
