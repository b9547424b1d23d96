using System.Collections.Concurrent;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Writes the colour-coded masks of a dataset anew, as masks of class numbers.</summary>
internal static class MaskConversion
{
    private const int ShownProblems = 20;

    /// <summary>Converts the masks of all splits into a new folder, which appears when all of them are done, or not at all. Masks that hold class numbers already keep them.</summary>
    /// <param name="folder">The dataset.</param>
    /// <param name="code">What its colours mean.</param>
    /// <param name="target">The new folder; each mask lies there as it does in the dataset.</param>
    /// <param name="unknownIsVoid">Whether colours that <paramref name="code"/> does not have become void.</param>
    /// <param name="cancellationToken">Stops the conversion; nothing remains of it then.</param>
    /// <returns>How many masks were written, and how many pixels of unknown colours became void.</returns>
    /// <exception cref="UserInputException">The folder exists, a mask cannot be read or has an unknown colour, or none holds colours.</exception>
    public static (int Masks, long UnknownPixels) Run(DatasetFolder folder, ColorCode code, string target, bool unknownIsVoid, CancellationToken cancellationToken)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        if (Path.Exists(full))
        {
            throw new UserInputException($"{target} exists already; name a new folder for the masks.");
        }

        if (!Directory.Exists(Path.GetDirectoryName(full)))
        {
            throw new UserInputException($"There is no folder {Path.GetDirectoryName(full)} for {target}; create it first.");
        }

        string[] masks = [.. folder.Splits.SelectMany(folder.Split).Select(sample => sample.MaskPath).OfType<string>().Distinct(StringComparer.Ordinal)];
        string temporary = $"{full}.{Path.GetRandomFileName()}.tmp";
        try
        {
            Directory.CreateDirectory(temporary);
            (int colored, long unknown) = Write(folder, code, masks, temporary, unknownIsVoid, cancellationToken);
            if (colored == 0)
            {
                throw new UserInputException($"{folder.Root}: none of the {masks.Length} masks holds colours; there is nothing to convert.");
            }

            Directory.Move(temporary, full);
            return (masks.Length, unknown);
        }
        catch (Exception e)
        {
            Remove(temporary);
            throw e is IOException or UnauthorizedAccessException ? new UserInputException($"{target}: the masks cannot be written: {e.Message}", e) : e;
        }
    }

    private static (int Colored, long Unknown) Write(DatasetFolder folder, ColorCode code, string[] masks, string target, bool unknownIsVoid, CancellationToken cancellationToken)
    {
        int colored = 0;
        long unknown = 0;
        ConcurrentDictionary<int, string> problems = [];
        Parallel.For(0, masks.Length, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken }, i =>
        {
            try
            {
                (IndexMask? mask, RgbImage? colors) = MaskFile.ReadIndicesOrColors(masks[i]);
                if (colors is not null)
                {
                    Interlocked.Increment(ref colored);
                    (mask, long pixels) = code.ToLabels(masks[i], colors, unknownIsVoid ? (byte)folder.Classes.VoidLabel : null, "add it there, or make all such pixels void with --unknown void.");
                    Interlocked.Add(ref unknown, pixels);
                }

                string file = Path.Combine(target, Path.GetRelativePath(folder.Root, masks[i]));
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                MaskFile.Write(file, mask!, code.Palette);
            }
            catch (ImageFormatException e)
            {
                problems[i] = e.Message;
            }
        });
        if (problems.IsEmpty)
        {
            return (colored, unknown);
        }

        string[] shown = [.. problems.OrderBy(problem => problem.Key).Take(ShownProblems).Select(problem => problem.Value)];
        string more = problems.Count > shown.Length ? $"\n  … and {problems.Count - shown.Length} more." : "";
        throw new UserInputException(problems.Count == 1 ? shown[0] : $"{problems.Count} masks cannot be converted, and nothing was written:\n  {string.Join("\n  ", shown)}{more}");
    }

    private static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
