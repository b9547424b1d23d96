using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>Writes the dataset.json of a folder from what is found there; what an existing one says stays.</summary>
internal static class DescriptionWriter
{
    /// <summary>Finds what a description of a folder lacks, and writes it.</summary>
    /// <param name="root">The dataset's folder.</param>
    /// <param name="cancellation">Stops the search; nothing is written then.</param>
    /// <returns>What was found in the masks; null if the classes were given.</returns>
    /// <exception cref="UserInputException">Nothing fits, the description lacks nothing, or it cannot be written.</exception>
    public static MaskSurvey? Write(string root, CancellationToken cancellation)
    {
        string path = DatasetDescription.PathIn(root);
        DatasetDescription description = File.Exists(path) ? DatasetDescription.Load(path) : new DatasetDescription();
        bool saysWhere = description.Images is not null;
        DatasetLayout layout = LayoutOf(root, description);
        if (description.MeanBgr is not null && (description.Classes is not null || layout.DefaultClasses is not null) && (saysWhere || layout is not DescribedLayout))
        {
            throw new UserInputException($"{path}: the file says already all that can be found out about the folder. Look the dataset over with: {Suggestion.Of("check-data", root)}");
        }

        string training = layout.Splits.Contains(DescribedLayout.Training) ? DescribedLayout.Training : layout.Splits[0];
        Sample[] samples = [.. layout.Splits.SelectMany(layout.Samples)];
        MaskSurvey? survey = null;
        if (description.Classes is null && layout.DefaultClasses is null)
        {
            survey = MaskSurvey.Of(root, samples, cancellation);
            description.Classes = [.. survey.Classes];
            description.Palette ??= survey.Palette?.Colors.Select(color => new int[] { color.R, color.G, color.B }).ToArray();
            description.Void ??= survey.Void;
            description.MaskValues ??= survey.HoldsColors ? DatasetDescription.Colors : null;
        }

        description.Name ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(root)));
        description.MeanBgr ??= MeanColor.Of(layout.Samples(training), cancellation) is { } mean ? [Math.Round(mean.B, 2), Math.Round(mean.G, 2), Math.Round(mean.R, 2)] : null;
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(Json(description)));
        return survey;
    }

    /// <summary>The layout that a description says or a folder has, or else the best that fits, which goes into the description.</summary>
    private static DatasetLayout LayoutOf(string root, DatasetDescription description)
    {
        if (description.Images is null)
        {
            if (DatasetLayout.TryDetect(root) is { } known)
            {
                return known;
            }

            FoundLayout found = (LayoutFinder.Find(root) is [var best, ..] ? best : null) ?? throw new UserInputException($"{root}: {LayoutFinder.Describe(root)} {DatasetLayout.Known}");
            found.Fill(description);
        }

        return new DescribedLayout(root, description);
    }

    // By hand, because a colour is best read on one line.
    private static string Json(DatasetDescription description)
    {
        List<string> fields = [];
        Text("name", description.Name);
        Field("classes", description.Classes is null ? null : $"[{string.Join(", ", description.Classes.Select(Quoted))}]");
        Field("palette", description.Palette is null ? null : $"[{string.Join(", ", description.Palette.Select(color => $"[{string.Join(", ", color)}]"))}]");
        Field("void", description.Void?.ToString(CultureInfo.InvariantCulture));
        Field("meanBgr", description.MeanBgr is null ? null : $"[{string.Join(", ", description.MeanBgr.Select(level => level.ToString(CultureInfo.InvariantCulture)))}]");
        Text("images", description.Images);
        Text("masks", description.Masks);
        Text("maskValues", description.MaskValues);
        Field("splits", description.Splits is null ? null : $"{{ {string.Join(", ", description.Splits.OrderBy(split => split.Key, StringComparer.Ordinal).Select(split => $"{Quoted(split.Key)}: {Quoted(split.Value)}"))} }}");
        Text("lists", description.Lists);
        Field("valShare", description.ValShare?.ToString(CultureInfo.InvariantCulture));
        Field("valSeed", description.ValSeed?.ToString(CultureInfo.InvariantCulture));
        return $"{{\n{string.Join(",\n", fields)}\n}}\n";

        void Text(string name, string? value) => Field(name, value is null ? null : Quoted(value));

        void Field(string name, string? value)
        {
            if (value is not null)
            {
                fields.Add($"  \"{name}\": {value}");
            }
        }
    }

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
