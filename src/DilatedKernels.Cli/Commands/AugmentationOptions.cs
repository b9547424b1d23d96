using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--scale</c> and <c>--jitter</c>.</summary>
internal sealed class AugmentationOptions
{
    private readonly Option<string?> _scale = new("--scale") { Description = "Scale each image by a random factor, such as 0.5:2.", HelpName = "FROM:TO" };
    private readonly Option<string?> _jitter = new("--jitter")
    {
        Description = "Change brightness, contrast and saturation at random by up to these shares, such as 0.3 or 0.3,0.3,0.2.",
        HelpName = "B[,C[,S]]",
    };

    public IEnumerable<Option> All => [_scale, _jitter];

    public AugmentationConfig Parse(ParseResult result)
    {
        double[]? scale = Numbers(result, _scale, ':', 2, 2, "two factors with a colon between, such as 0.5:2");
        double[]? jitter = Numbers(result, _jitter, ',', 1, 3, "one to three numbers with commas between, such as 0.3 or 0.3,0.3,0.2 (brightness, contrast, saturation)");
        return new AugmentationConfig
        {
            LeastScale = scale?[0],
            MostScale = scale?[1],
            Jitter = jitter is null ? null : new ColorJitter(jitter[0], jitter.ElementAtOrDefault(1), jitter.ElementAtOrDefault(2)),
        };
    }

    private static double[]? Numbers(ParseResult result, Option<string?> option, char between, int least, int most, string form)
    {
        if (result.GetValue(option) is not { } text)
        {
            return null;
        }

        double?[] numbers = [.. text.Split(between).Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : (double?)null)];
        return numbers.Length >= least && numbers.Length <= most && Array.TrueForAll(numbers, number => number is not null)
            ? [.. numbers.Select(number => number!.Value)]
            : throw new UserInputException($"{option.Name} takes {form}; it was {text}.");
    }
}
