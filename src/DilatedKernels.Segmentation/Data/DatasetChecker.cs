using DilatedKernels.Segmentation.Data.Finding;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Finds everything that is wrong with a split before hours are spent on it.</summary>
public static class DatasetChecker
{
    /// <summary>Decodes every image and mask of a split and lists all problems and warnings, in the split's order whatever the number of threads.</summary>
    /// <param name="folder">The dataset.</param>
    /// <param name="split">One of its splits.</param>
    /// <param name="threads">How many samples are decoded at once; 0 for one a processor.</param>
    /// <param name="progress">Told after each sample how many are done.</param>
    /// <param name="cancellationToken">Stops the check.</param>
    /// <exception cref="UserInputException">There is no such split, or its list names files outside the dataset.</exception>
    /// <exception cref="OperationCanceledException">The check was stopped.</exception>
    public static DatasetReport Check(DatasetFolder folder, string split, int threads = 0, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        IReadOnlyList<Sample> samples = folder.Split(split);
        Findings[] findings = new Findings[samples.Count];
        int done = 0;
        ParallelOptions options = new() { MaxDegreeOfParallelism = threads == 0 ? Environment.ProcessorCount : threads, CancellationToken = cancellationToken };
        Parallel.For(0, samples.Count, options, i =>
        {
            findings[i] = Inspect(folder, split, samples[i]);
            progress?.Report(Interlocked.Increment(ref done));
        });
        return Summarise(folder, split, samples, findings);
    }

    private static Findings Inspect(DatasetFolder folder, string split, Sample sample)
    {
        List<DatasetProblem> problems = [];
        RgbImage? image = Attempt(sample.ImagePath, ImageFile.Read, problems);
        (IndexMask? mask, RgbImage? colors) = (null, null);
        if (sample.MaskPath is null)
        {
            problems.Add(new DatasetProblem(sample.ImagePath, $"the image has no mask; it belongs at {folder.Layout.MaskPathFor(split, sample)}."));
        }
        else
        {
            (mask, colors) = Attempt(sample.MaskPath, path => sample.Colors is null ? MaskFile.ReadIndicesOrColors(path) : (SampleReader.ReadMask(sample), null), problems);
        }

        if (image is not null && (mask?.Width ?? colors?.Width) is int width
            && SampleReader.SizeProblem(sample, image, width, mask?.Height ?? colors!.Height) is string size)
        {
            problems.Add(new DatasetProblem(sample.MaskPath!, size));
        }

        long[]? histogram = null;
        if (mask is not null)
        {
            histogram = SampleReader.Histogram(mask);
            if (SampleReader.LabelProblem(mask, histogram, folder.Classes) is string label)
            {
                problems.Add(new DatasetProblem(sample.MaskPath!, label));
            }
        }

        return new Findings(problems, image is null ? null : new Size2(image.Height, image.Width), histogram, colors is null ? null : MaskColors.Of(colors), image is null ? default : MeanColor.Sums(image));
    }

    private static T? Attempt<T>(string path, Func<string, T> read, List<DatasetProblem> problems)
    {
        try
        {
            return read(path);
        }
        catch (ImageFormatException e)
        {
            problems.Add(new DatasetProblem(e.Path, e.Reason));
            return default;
        }
    }

    private static DatasetReport Summarise(DatasetFolder folder, string split, IReadOnlyList<Sample> samples, Findings[] findings)
    {
        List<DatasetProblem> problems = [];
        if (samples.Count == 0)
        {
            problems.Add(new DatasetProblem(folder.Root, $"the split \"{split}\" has no images.{(split == DescribedLayout.Validation ? DatasetFolder.WithoutValidation : "")}"));
        }

        HashSet<string> names = new(StringComparer.Ordinal);
        SortedDictionary<(int Height, int Width), int> sizes = [];
        long[] labels = new long[256];
        long[] pixels = new long[256];
        (long Pixels, long B, long G, long R) levels = default;
        Dictionary<string, MaskColors?> masks = new(StringComparer.Ordinal);
        for (int i = 0; i < samples.Count; i++)
        {
            if (!names.Add(samples[i].Name))
            {
                problems.Add(new DatasetProblem(samples[i].ImagePath, $"the split \"{split}\" lists \"{samples[i].Name}\" more than once; list it once."));
                continue;
            }

            problems.AddRange(findings[i].Problems);
            if (findings[i].Size is Size2 size)
            {
                sizes[(size.Height, size.Width)] = sizes.GetValueOrDefault((size.Height, size.Width)) + 1;
                (long b, long g, long r) = findings[i].Levels;
                levels = (levels.Pixels + ((long)size.Height * size.Width), levels.B + b, levels.G + g, levels.R + r);
            }

            if (samples[i].MaskPath is string mask)
            {
                masks[mask] = findings[i].Colors;
            }

            long all = findings[i].Labels?.Sum() ?? 0;
            for (int label = 0; label < 256 && findings[i].Labels is long[] counts; label++)
            {
                labels[label] += counts[label];
                pixels[label] += counts[label] > 0 ? all : 0;
            }
        }

        DatasetProblem? colorProblem = ColorFinding.Of(folder, [folder.Layout.MaskFolder(split)], masks);
        if (colorProblem is not null)
        {
            problems.Insert(0, colorProblem);
        }

        long[] classPixels = labels[..folder.Classes.Count];
        if (problems.Count == 0 && classPixels.All(count => count == 0))
        {
            problems.Add(new DatasetProblem(folder.Root, $"no mask of the split \"{split}\" has a pixel of any class; all are void ({folder.Classes.VoidLabel})."));
        }

        problems.AddRange(folder.Layout.StrayFiles(split));
        List<DatasetProblem> warnings = [.. folder.Layout.SkippedFiles(split)];
        if (MissingClasses(folder.Classes, classPixels) is string missing)
        {
            warnings.Add(new DatasetProblem(folder.Root, $"no readable mask of the split \"{split}\" has a pixel of {missing}."));
        }

        return new DatasetReport
        {
            Split = split,
            SampleCount = samples.Count,
            Problems = problems,
            MaskColors = masks,
            ColorProblem = colorProblem,
            Warnings = warnings,
            ClassPixels = classPixels,
            ClassImagePixels = pixels[..folder.Classes.Count],
            MeanBgr = levels.Pixels == 0 ? null : ((double)levels.B / levels.Pixels, (double)levels.G / levels.Pixels, (double)levels.R / levels.Pixels),
            VoidPixels = labels[folder.Classes.VoidLabel],
            ImageSizes = [.. sizes.Select(entry => (new Size2(entry.Key.Height, entry.Key.Width), entry.Value))],
        };
    }

    /// <summary>The classes without a pixel; null if there are none, or if nothing is labelled at all.</summary>
    private static string? MissingClasses(ClassSet classes, long[] classPixels)
    {
        string[] missing = [.. classes.Names.Where((_, label) => classPixels[label] == 0).Select(name => $"\"{name}\"")];
        return missing.Length == 0 || missing.Length == classes.Count ? null : $"{(missing.Length == 1 ? "the class" : "the classes")} {string.Join(", ", missing)}";
    }

    private sealed record Findings(IReadOnlyList<DatasetProblem> Problems, Size2? Size, long[]? Labels, MaskColors? Colors, (long B, long G, long R) Levels);
}
