namespace DilatedKernels.Segmentation.Data;

/// <summary>Lines of lists of images as they are found: names, names with extensions, paths, or paths of image and mask beside each other.</summary>
internal static class SplitList
{
    /// <summary>The name of the image that a line means; null if there is none. The line is only compared with names, and never opened.</summary>
    public static string? NameIn(string line, Func<string, bool> exists)
    {
        string text = line.Trim().Replace('\\', '/');
        string first = text.Split([' ', '\t', ',', ';'])[0];
        foreach (string path in (string[])[text, first])
        {
            // From the whole path to the file alone: what lies before the dataset's own folders is of another machine.
            for (string rest = path; rest.Length > 0; rest = rest.Contains('/', StringComparison.Ordinal) ? rest[(rest.IndexOf('/', StringComparison.Ordinal) + 1)..] : "")
            {
                string stem = SplitFiles.Has(rest, SplitFiles.ImageExtensions) ? rest[..^Path.GetExtension(rest).Length] : rest;
                if (exists(rest) || exists(stem))
                {
                    return exists(rest) ? rest : stem;
                }
            }
        }

        return null;
    }
}
