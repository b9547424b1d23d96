namespace DilatedKernels.Segmentation.Models;

/// <summary>How many maps the context module's layers have.</summary>
public enum ContextKind
{
    /// <summary>C maps in every layer.</summary>
    Basic,

    /// <summary>2C, 2C, 4C, 8C, 16C, 32C, 32C, C maps in the paper's eight layers.</summary>
    Large,

    /// <summary>The multiples in <see cref="ContextConfig.ChannelMultipliers"/>.</summary>
    Custom,
}

/// <summary>Where the context module pads its input.</summary>
public enum ContextPadding
{
    /// <summary>Once, before the first layer, by as much as all layers take away: 33 cells for the paper's module (section 3).</summary>
    Once,

    /// <summary>Every layer by its dilation (the paper's appendix A nets). Differs from <see cref="Once"/> near the borders.</summary>
    PerLayer,

    /// <summary>Nowhere; the output is smaller.</summary>
    None,
}

/// <summary>What <see cref="ContextPadding.Once"/> fills the margin with.</summary>
public enum PaddingMode
{
    /// <summary>Zeros.</summary>
    Zero,

    /// <summary>The map's mirror image, the edge not repeated.</summary>
    Reflect,
}

/// <summary>How the context module's weights start.</summary>
public enum ContextInitialization
{
    /// <summary>Each layer hands its input on (Yu and Koltun 2016, equations 4 and 5); the only one that helped in the paper.</summary>
    Identity,

    /// <summary>Random, after He et al. 2015.</summary>
    He,

    /// <summary>Random, after Glorot and Bengio 2010.</summary>
    Glorot,

    /// <summary>Random normal with standard deviation <see cref="ContextConfig.Noise"/>.</summary>
    Gaussian,
}

/// <summary>The context module: 3×3 convolutions of growing dilation and a last 1×1 one, from C score maps to C score maps (Yu and Koltun 2016, section 3, table 1).</summary>
/// <remarks>Two records that hold equal lists are not equal by <c>==</c>: lists compare by reference.</remarks>
public sealed record ContextConfig
{
    private static readonly int[] LargeMultipliers = [2, 2, 4, 8, 16, 32, 32];

    /// <summary>The dilations of the paper's seven 3×3 layers.</summary>
    public static IReadOnlyList<int> PaperDilations { get; } = [1, 1, 2, 4, 8, 16, 1];

    /// <summary>C, the number of score maps in and out, 1 to 255.</summary>
    public required int Classes { get; init; }

    /// <summary>The layers' widths. <see cref="ContextKind.Basic"/> by default.</summary>
    public ContextKind Kind { get; init; }

    /// <summary>Dilations of the 3×3 layers in order; the 1×1 layer follows by itself. <see cref="PaperDilations"/> by default.</summary>
    public IReadOnlyList<int> Dilations { get; init; } = PaperDilations;

    /// <summary>For <see cref="ContextKind.Custom"/>: the 3×3 layers' maps as multiples of C, one entry a dilation; null otherwise.</summary>
    public IReadOnlyList<int>? ChannelMultipliers { get; init; }

    /// <summary>Where the input is padded. <see cref="ContextPadding.Once"/> by default.</summary>
    public ContextPadding Padding { get; init; }

    /// <summary>What padding once fills in; padding per layer is always with zeros.</summary>
    public PaddingMode PaddingMode { get; init; }

    /// <summary>How weights start. <see cref="ContextInitialization.Identity"/> by default.</summary>
    public ContextInitialization Initialization { get; init; }

    /// <summary>
    /// For <see cref="ContextInitialization.Identity"/>: the standard deviation of the remaining weights relative to the identity weight
    /// C / out; 0, the default, is equation 4, and 0.01 is what the released code uses. A module wider than C needs some to tell the maps of one
    /// class apart. For <see cref="ContextInitialization.Gaussian"/>: the standard deviation.
    /// </summary>
    public double Noise { get; init; }

    /// <summary>The basic module of table 1: C maps throughout, 64·C² weights.</summary>
    /// <param name="classes">C.</param>
    public static ContextConfig Basic(int classes) => new() { Classes = classes };

    /// <summary>The large module of table 1, with noise 0.01.</summary>
    /// <param name="classes">C.</param>
    public static ContextConfig Large(int classes) => new() { Classes = classes, Kind = ContextKind.Large, Noise = 0.01 };

    /// <summary>Output maps of the 3×3 layers as multiples of C.</summary>
    internal IReadOnlyList<int> Multipliers => Kind switch
    {
        ContextKind.Basic => [.. Dilations.Select(_ => 1)],
        ContextKind.Large => LargeMultipliers,
        _ => ChannelMultipliers!,
    };

    internal void Validate()
    {
        Check.Range(Classes, 1, 255, "Classes");
        Check.That(Enum.IsDefined(Kind) && Enum.IsDefined(Padding) && Enum.IsDefined(PaddingMode) && Enum.IsDefined(Initialization), "the context module has an unknown option.");
        Check.That(Dilations is { Count: >= 1 and <= 64 }, "Dilations has 1 to 64 entries.");
        foreach (int dilation in Dilations!)
        {
            Check.Range(dilation, 1, 1 << 12, "A context dilation");
        }

        Check.That(Noise is >= 0 and <= 1e6, $"Noise is 0 or more; it was {Noise}.");
        Check.That(
            Kind != ContextKind.Large || Dilations.Count == LargeMultipliers.Length,
            $"the Large context module has {LargeMultipliers.Length} dilations; there were {Dilations.Count}. Use Custom with ChannelMultipliers for other depths.");
        Check.That(
            (Kind == ContextKind.Custom) == (ChannelMultipliers is not null),
            $"ChannelMultipliers is given for Custom and only there; the kind was {Kind}.");
        if (ChannelMultipliers is not null)
        {
            Check.That(ChannelMultipliers.Count == Dilations.Count, $"ChannelMultipliers has one entry a dilation, {Dilations.Count}; there were {ChannelMultipliers.Count}.");
            foreach (int multiplier in ChannelMultipliers)
            {
                Check.Range(multiplier, 1, 1 << 10, "A channel multiplier");
            }
        }
    }
}
