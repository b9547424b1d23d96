using System.Globalization;

namespace DilatedKernels.Tests.Docs;

/// <summary>
/// Makes a command of a page quick: fewer steps, narrower networks, smaller images. Nothing else of it changes, so that a verb, option or file that does not
/// exist is found.
/// </summary>
internal static class SmallSettings
{
    private const string Width = "0.015625";
    private const string FrontEndCrop = "396";
    private const string PaddedCrop = "48";

    // By option, the value in its place.
    private static readonly Dictionary<string, string> s_values = new()
    {
        ["--steps"] = "2",
        ["--context-steps"] = "2",
        ["--warm-up"] = "1",
        ["--batch"] = "2",
        ["--width"] = Width,
        ["--crop"] = PaddedCrop,
        ["--classes"] = "2",
        ["--images"] = "1",
        ["--seeds"] = "1",
    };

    /// <summary>The arguments of <c>dilated</c>, from those that a page shows.</summary>
    public static string[] Of(string[] arguments)
    {
        List<string> small = [.. arguments];
        for (int i = 1; i < small.Count; i++)
        {
            if (s_values.TryGetValue(small[i - 1], out string? value))
            {
                small[i] = value;
            }
            else if (small[i].StartsWith("steps=", StringComparison.Ordinal))
            {
                small[i] = "steps=3";
            }
        }

        string[] more = arguments[0] switch
        {
            "train" when Has("--resume") || Has("--config") => [],
            "train" when ValueOf("--recipe") == "context" => [.. Missing("--steps", "2"), .. Missing("--batch", "2")],
            "train" => [.. Missing("--steps", "2"), .. Missing("--batch", "2"), .. Missing("--crop", Has("--model") ? PaddedCrop : FrontEndCrop)],
            "import" => Missing("--width", Width),
            "compare" => ["--batch", "1", "--crop", FrontEndCrop, "--padded-crop", "40", "--context-batch", "2", "--pictures", "1", "--crf-iterations", "2", "--systems", "fcn-8s,front-end+basic"],
            "bench" => ["--filter", "^sweep-64-d[12]$", "--pass", "forward", "--seconds", "0"],
            "demo" => ["--short"],
            _ => [],
        };
        return [.. small, .. more];

        bool Has(string option) => arguments.Contains(option);
        string? ValueOf(string option) => arguments.SkipWhile(word => word != option).ElementAtOrDefault(1)?.ToLower(CultureInfo.InvariantCulture);
        string[] Missing(string option, string value) => Has(option) ? [] : [option, value];
    }
}
