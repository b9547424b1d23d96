using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Data;

/// <summary>Which colour of a colour-coded mask stands for which label of a dataset.</summary>
internal sealed class ColorCode
{
    /// <summary>Palettes that are known by a name: their classes, and the colour of pixels of no class.</summary>
    private static readonly (string Name, ClassSet Classes, (byte R, byte G, byte B) Void)[] KnownPalettes =
        [("voc", ClassSet.Voc, (224, 224, 192)), ("camvid", ClassSet.CamVid, (0, 0, 0)), ("cityscapes", ClassSet.Cityscapes, (0, 0, 0))];

    private readonly Dictionary<int, byte> _labels = [];

    private ColorCode(string title) => Title = title;

    /// <summary>The names of the palettes that are known.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. KnownPalettes.Select(known => known.Name)];

    /// <summary>Whose palette it is, for messages.</summary>
    public string Title { get; }

    /// <summary>The number of colours that have a label.</summary>
    public int Colors => _labels.Count;

    /// <summary>The colours of the labels, for masks of class numbers.</summary>
    public Palette Palette { get; private init; } = Palette.Voc;

    /// <summary>The palette of the dataset itself; null if its description gives none.</summary>
    /// <exception cref="UserInputException">Two classes have one colour.</exception>
    public static ColorCode? Own(DatasetFolder folder) => Own(DatasetDescription.PathIn(folder.Root), folder.Classes);

    /// <summary>The palette of classes that were read from a description, if there is one; null if it gives none.</summary>
    /// <exception cref="UserInputException">Two classes have one colour.</exception>
    public static ColorCode? Own(string source, ClassSet classes)
    {
        if (classes.PaletteIsDefault)
        {
            return null;
        }

        string title = File.Exists(source) ? $"the palette in {source}" : $"{classes.Name}'s palette";
        return Create(title, classes, classes, classes.VoidLabel < classes.Palette.Count ? classes.Palette[classes.VoidLabel] : null);
    }

    /// <summary>A known palette, whatever the dataset's classes are.</summary>
    public static ColorCode Known(string name)
    {
        var known = KnownPalettes.Single(known => known.Name == name);
        return Create($"{known.Classes.Name}'s palette", known.Classes, known.Classes, known.Void);
    }

    /// <summary>The colours that a known palette has for the classes of a dataset; classes go together by their names.</summary>
    /// <exception cref="UserInputException">A class has no colour in that palette.</exception>
    public static ColorCode Known(string name, DatasetFolder folder)
    {
        var known = KnownPalettes.Single(known => known.Name == name);
        return Fit($"{known.Classes.Name}'s palette", known.Classes, known.Void, folder);
    }

    /// <summary>The colours that a file such as a dataset.json has for the classes of a dataset; without class names, they are in the dataset's order.</summary>
    /// <exception cref="UserInputException">The file is no description with a palette, or a class has no colour there.</exception>
    public static ColorCode Read(string path, DatasetFolder folder)
    {
        if (!File.Exists(path))
        {
            throw new UserInputException(
                $"--palette {path}: there is no such file; it is one of {string.Join(", ", Names)}, or a JSON file such as {{ \"classes\": [\"sky\", \"tree\"], \"palette\": [[128, 128, 128], [128, 128, 0]] }}.");
        }

        ClassSet classes = DatasetDescription.Read(path, folder.Classes with { PaletteIsDefault = true }, Path.GetFileNameWithoutExtension(path));
        if (classes.PaletteIsDefault)
        {
            throw new UserInputException($"{path}: the file has no \"palette\"; it lists red, green and blue of each class, such as [[128, 128, 128], [128, 128, 0]].");
        }

        return Fit($"the palette in {path}", classes, classes.VoidLabel < classes.Palette.Count ? classes.Palette[classes.VoidLabel] : null, folder);
    }

    /// <summary>The classes of a known palette, and the colour of void.</summary>
    public static (ClassSet Classes, (byte R, byte G, byte B) Void) ClassesOf(string name)
    {
        var known = KnownPalettes.Single(known => known.Name == name);
        return (known.Classes, known.Void);
    }

    /// <summary>The classes of a dataset for which a known palette has no colour.</summary>
    public static IReadOnlyList<string> WithoutColor(string name, ClassSet classes) => WithoutColor(KnownPalettes.Single(known => known.Name == name).Classes, classes);

    /// <summary>The label of a colour.</summary>
    /// <returns>False if the palette does not have it.</returns>
    public bool TryGetLabel(int color, out byte label) => _labels.TryGetValue(color, out label);

    /// <summary>The labels of a mask's colours.</summary>
    /// <param name="path">The mask's file.</param>
    /// <param name="colors">Its colours.</param>
    /// <param name="unknownLabel">What stands for colours that the palette does not have; null if there may be none.</param>
    /// <param name="advice">What to do about such a colour, for the message.</param>
    /// <returns>The labels, and how many pixels had unknown colours.</returns>
    /// <exception cref="ImageFormatException">There is an unknown colour, and no label for it.</exception>
    public (IndexMask Mask, long Unknown) ToLabels(string path, RgbImage colors, byte? unknownLabel, string advice)
    {
        IndexMask mask = new(colors.Width, colors.Height);
        long unknown = 0;
        (int last, byte label) = (-1, 0);
        bool known = false;
        for (int i = 0; i < mask.Indices.Length; i++)
        {
            int color = MaskColors.At(colors, i);
            if (color != last)
            {
                last = color;
                known = TryGetLabel(color, out label);
                if (!known)
                {
                    label = unknownLabel ?? throw new ImageFormatException(
                        path, $"the pixel at x {i % mask.Width}, y {i / mask.Width} has the colour {MaskColors.Text(color)}, which is not in {Title}; {advice}");
                }
            }

            mask.Indices[i] = label;
            unknown += known ? 0 : 1;
        }

        return (mask, unknown);
    }

    private static ColorCode Fit(string title, ClassSet source, (byte R, byte G, byte B)? voidColor, DatasetFolder folder)
    {
        string[] missing = WithoutColor(source, folder.Classes);
        return missing.Length == 0
            ? Create(title, source, folder.Classes, voidColor)
            : throw new UserInputException(
                $"{title} has no colour for {string.Join(", ", missing.Select(name => $"\"{name}\""))}; its classes are {string.Join(", ", source.Names)}, and classes go together by their names. "
                + $"Give each class its colour in the \"palette\" of {DatasetDescription.PathIn(folder.Root)} instead, in the order of its classes, and leave --palette out.");
    }

    private static string[] WithoutColor(ClassSet source, ClassSet target) => [.. target.Names.Where(name => !source.Names.Contains(name, StringComparer.OrdinalIgnoreCase))];

    private static ColorCode Create(string title, ClassSet source, ClassSet target, (byte R, byte G, byte B)? voidColor)
    {
        var colors = new (byte R, byte G, byte B)[voidColor is null ? target.Count : target.VoidLabel + 1];
        for (int label = 0; label < target.Count; label++)
        {
            int position = Enumerable.Range(0, source.Count).First(i => source.Names[i].Equals(target.Names[label], StringComparison.OrdinalIgnoreCase));
            colors[label] = source.Palette[ReferenceEquals(source, target) ? label : position];
        }

        if (voidColor is not null)
        {
            colors[target.VoidLabel] = voidColor.Value;
        }

        ColorCode code = new(title) { Palette = new Palette(colors) };
        for (int label = 0; label < colors.Length; label++)
        {
            if ((label < target.Count || label == target.VoidLabel) && !code._labels.TryAdd(Number(colors[label]), (byte)label))
            {
                byte other = code._labels[Number(colors[label])];
                throw new UserInputException($"{title} has the colour {MaskColors.Text(Number(colors[label]))} for both label {other} and label {label}; masks of colours can be read only where each label has its own.");
            }
        }

        return code;
    }

    private static int Number((byte R, byte G, byte B) color) => (color.R << 16) | (color.G << 8) | color.B;
}
