namespace DilatedKernels.Segmentation.Models;

/// <summary>
/// The networks from image to scores by name, for any number of classes and any width: the paper's front end and what it is compared with.
/// <see cref="Presets"/> has them as they were published.
/// </summary>
public static class Trunks
{
    /// <summary>The name of the paper's front end.</summary>
    public const string FrontEnd = "front-end";

    private static readonly Dictionary<string, Func<int, double, ModelConfig>> ByName = new(StringComparer.OrdinalIgnoreCase)
    {
        [FrontEnd] = (classes, width) => new ModelConfig { Name = FrontEnd, FrontEnd = FrontEndConfig.Vgg16(classes, width) },
        ["fcn-32s"] = (classes, width) => Fcn(32, classes, width),
        ["fcn-16s"] = (classes, width) => Fcn(16, classes, width),
        ["fcn-8s"] = (classes, width) => Fcn(8, classes, width),
        ["deeplab"] = (classes, width) => DeepLab("deeplab", DeepLabConfig.Base(classes, width)),
        ["deeplab-7x7"] = (classes, width) => DeepLab("deeplab-7x7", DeepLabConfig.SevenBySeven(classes, width)),
        ["deeplab-largefov"] = (classes, width) => DeepLab("deeplab-largefov", DeepLabConfig.LargeFov(classes, width)),
        ["deeplab-msc-largefov"] = (classes, width) => DeepLab("deeplab-msc-largefov", DeepLabConfig.LargeFov(classes, width) with { MultiScale = true }),
    };

    /// <summary>The names that <see cref="Get"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. ByName.Keys];

    /// <summary>The network with a name, in any case of letters.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="classes">The number of score maps, 1 to 255.</param>
    /// <param name="widthMultiplier">Factor on all hidden channels, above 0.</param>
    /// <exception cref="ArgumentException">There is no such network; the message lists the names.</exception>
    public static ModelConfig Get(string name, int classes, double widthMultiplier = 1)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ByName.TryGetValue(name, out Func<int, double, ModelConfig>? make)
            ? make(classes, widthMultiplier)
            : throw new ArgumentException($"There is no network from image to scores called '{name}'. The names are: {string.Join(", ", Names)}.", nameof(name));
    }

    private static ModelConfig Fcn(int stride, int classes, double width) =>
        new() { Name = $"fcn-{stride}s", Fcn = new FcnConfig { Classes = classes, Stride = stride, WidthMultiplier = width } };

    private static ModelConfig DeepLab(string name, DeepLabConfig config) => new() { Name = name, DeepLab = config };
}
