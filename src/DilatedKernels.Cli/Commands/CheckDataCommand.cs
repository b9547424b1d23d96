using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Data.Finding;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated check-data</c>: every problem of a dataset at once, its classes and sizes; and masks of class numbers in place of coloured ones.</summary>
internal sealed class CheckDataCommand
{
    private readonly Argument<string> _data = new("data") { Description = "The dataset folder." };

    private readonly Option<string?> _convert = new("--convert-masks")
    {
        Description = "Write masks that hold colours anew, as masks of class numbers, into a new folder.",
        HelpName = "FOLDER",
    };

    private readonly Option<bool> _describe = new("--write-description") { Description = "Find images, masks, splits, classes and mean colour, and write what is missing in dataset.json." };

    private readonly Option<string?> _palette = new("--palette")
    {
        Description = $"What the colours mean: {string.Join(", ", ColorCode.Names)}, or a JSON file with \"palette\" and \"classes\". [default: that of the dataset.json, or VOC's for its classes]",
        HelpName = "NAME|FILE",
    };

    private readonly Option<string?> _unknown = new("--unknown") { Description = "What becomes of colours that the palette does not have: void, instead of an error.", HelpName = "void" };

    public static Command Create()
    {
        var verb = new CheckDataCommand();
        var command = new Command("check-data", "Lists classes, sizes, label histogram and every problem of a dataset, all at once.") { verb._data, verb._describe, verb._convert, verb._palette, verb._unknown };
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        if (Given.Is(result, _convert))
        {
            Given.Refuse(result, "--convert-masks writes masks.", _describe);
            return Convert(result, cancellation);
        }

        Given.Refuse(result, "without --convert-masks FOLDER no mask is written.", _palette, _unknown);
        TextWriter output = result.InvocationConfiguration.Output;
        string root = DatasetFolder.Existing(result.GetValue(_data)!);
        if (result.GetValue(_describe))
        {
            Describe(output, root, cancellation);
        }
        else if (!DatasetFolder.HasKnownLayout(root))
        {
            FoundReport.Write(output, root, LayoutFinder.Find(root));
            return ExitCode.BadInput;
        }

        DatasetFolder data = DatasetFolder.Open(root);
        List<DatasetReport> reports = [];
        foreach (string split in data.Splits)
        {
            try
            {
                reports.Add(DatasetChecker.Check(data, split, cancellationToken: cancellation));
            }
            catch (OperationCanceledException)
            {
                output.WriteLine($"Interrupted while {split} was looked over; what is above is whole.");
                return ExitCode.Interrupted;
            }

            DataReport.Write(output, reports[^1], data.Classes);
        }

        int problems = reports.Sum(report => report.Problems.Count(problem => problem != report.ColorProblem));
        if (DataReport.WriteColors(output, data, reports))
        {
            problems++;
        }

        output.WriteLine(problems == 0 ? "No problems." : problems == 1 ? "1 problem." : $"{problems} problems.");
        if (problems == 0)
        {
            output.WriteLine($"Next: {FirstTraining.Of(root, data, reports)}");
        }

        return problems == 0 ? ExitCode.Ok : ExitCode.BadInput;
    }

    private static void Describe(TextWriter output, string root, CancellationToken cancellation)
    {
        MaskSurvey? survey = DescriptionWriter.Write(root, cancellation);
        string path = DatasetDescription.PathIn(root);
        output.WriteLine($"{path} is written.");
        if (survey is not null)
        {
            output.WriteLine(survey.Finding);
            output.WriteLine(survey.NamesAreMadeUp ? $"The classes are named {string.Join(", ", survey.Classes)}; put the right names into {path}." : "");
        }
    }

    private int Convert(ParseResult result, CancellationToken cancellation)
    {
        string target = result.GetValue(_convert)!;
        if (string.IsNullOrWhiteSpace(target))
        {
            throw new UserInputException("--convert-masks names the new folder for the masks; its name is empty.");
        }

        if (result.GetValue(_unknown) is not (null or "void"))
        {
            throw new UserInputException($"--unknown can only be void; it was \"{result.GetValue(_unknown)}\".");
        }

        Targets.RefuseDevice("--convert-masks", target, "masks");
        DatasetFolder data = DatasetFolder.Open(result.GetValue(_data)!);
        (int masks, long unknown) = MaskConversion.Run(data, Code(data, result.GetValue(_palette)), target, Given.Is(result, _unknown), cancellation);
        TextWriter output = result.InvocationConfiguration.Output;
        output.WriteLine(masks == 1 ? $"1 mask is in {target}." : $"{masks} masks are in {target}.");
        if (unknown > 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{unknown} pixels of unknown colours became void ({data.Classes.VoidLabel})."));
        }

        string[] folders = [.. data.Splits.Select(data.Layout.MaskFolder).Distinct().Select(folder => Path.GetFileName(folder) + "/")];
        output.WriteLine($"Put {string.Join(", ", folders)} from there in the place of {(folders.Length == 1 ? "that" : "those")} in {data.Root}, then: {Suggestion.Of("check-data", data.Root)}");
        return ExitCode.Ok;
    }

    private static ColorCode Code(DatasetFolder data, string? palette)
    {
        if (palette is null)
        {
            return ColorCode.Own(data)
                ?? throw new UserInputException($"{data.Root}: its dataset.json has no \"palette\"; say what the colours mean with --palette {string.Join("|", ColorCode.Names)}|FILE.");
        }

        return ColorCode.Names.Contains(palette, StringComparer.Ordinal) ? ColorCode.Known(palette, data) : ColorCode.Read(palette, data);
    }
}
