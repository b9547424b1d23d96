using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Models;

/// <summary>Everything that says which network this is: enough to build it again and to prepare its input.</summary>
/// <remarks>Two records that hold equal lists are not equal by <c>==</c>; compare <see cref="ToJson"/>.</remarks>
public sealed record ModelConfig
{
    /// <summary>A name for people, such as <c>voc-dilation8</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The part from image to scores as a front end, or null; then <see cref="Fcn"/> or <see cref="DeepLab"/> is that part, or there is none.</summary>
    public FrontEndConfig? FrontEnd { get; init; }

    /// <summary>The part from image to scores as a fully convolutional network, or null.</summary>
    public FcnConfig? Fcn { get; init; }

    /// <summary>The part from image to scores as DeepLab, or null.</summary>
    public DeepLabConfig? DeepLab { get; init; }

    /// <summary>
    /// The context module after a front end or DeepLab, or alone on stored score maps; null for none. It works on scores at a stride, so an FCN, whose
    /// scores are as fine as the image, takes none.
    /// </summary>
    public ContextConfig? Context { get; init; }

    /// <summary>
    /// Whether the network ends with a fixed bilinear deconvolution of the scores to the image's resolution, as the released Cityscapes net
    /// does. Needs a front end with an even stride.
    /// </summary>
    public bool UpsampleInNetwork { get; init; }

    /// <summary>
    /// A CRF that is trained with the network, on its scores at the image's resolution (Zheng et al. 2015), or null. The scores come there as they do in
    /// prediction: score cell i is the image's pixel 8·i, and what is between two cells is interpolated.
    /// </summary>
    public CrfRnnConfig? Crf { get; init; }

    /// <summary>The value subtracted from blue, green and red (0 to 255), in this order.</summary>
    public IReadOnlyList<double> MeanBgr { get; init; } = [0, 0, 0];

    /// <summary>
    /// Factor by which a network multiplies its image, which is on the scale of pixels. 1 by default, as VGG's weights expect; about 1/64 brings
    /// pixels to unit size, which He initialisation expects when training from scratch.
    /// </summary>
    public double InputScale { get; init; } = 1;

    /// <summary>One name a class, or null.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>One colour a class, or null.</summary>
    public Palette? Palette { get; init; }

    /// <summary>The padded input that the net was published with and predicts best in, or null.</summary>
    public Size2? InputSize { get; init; }

    /// <summary>The number of classes, C.</summary>
    [JsonIgnore]
    public int Classes => FrontEnd?.Classes ?? Fcn?.Classes ?? DeepLab?.Classes ?? Context?.Classes ?? 0;

    /// <summary>Whether the part from image to scores pads its maps, as FCN and DeepLab do: it sees an image whole and knows no tiles.</summary>
    [JsonIgnore]
    public bool IsPadded => HasTrunk && FrontEnd is null;

    /// <summary>Whether there is a part from image to scores.</summary>
    [JsonIgnore]
    public bool HasTrunk => FrontEnd is not null || Fcn is not null || DeepLab is not null;

    /// <summary>The factor on the hidden channels of the part from image to scores, or null where there is none.</summary>
    [JsonIgnore]
    public double? WidthMultiplier => FrontEnd?.WidthMultiplier ?? Fcn?.WidthMultiplier ?? DeepLab?.WidthMultiplier;

    /// <summary>The same network with another dropout rate after its fully connected layers.</summary>
    /// <param name="rate">From 0 to below 1.</param>
    public ModelConfig WithDropout(float rate) => this with
    {
        FrontEnd = FrontEnd is null ? null : FrontEnd with { Dropout = rate },
        Fcn = Fcn is null ? null : Fcn with { Dropout = rate },
        DeepLab = DeepLab is null ? null : DeepLab with { Dropout = rate },
    };

    /// <summary>Reads what <see cref="ToJson"/> wrote. What the text leaves out has its default; a property that does not exist is an error.</summary>
    /// <param name="json">JSON text.</param>
    /// <exception cref="ArgumentException">The text is no configuration, or a wrong one.</exception>
    public static ModelConfig FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            ModelConfig config = ModelJson.Read(json);
            config.Validate();
            return config;
        }
        // Half of a UTF-16 pair is an invalid operation to a tree of nodes.
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"The model's configuration is no valid JSON: {JsonErrors.Describe(exception, ofTree: true)}", nameof(json), exception);
        }
    }

    /// <summary>The same network for the classes, colours and mean pixel of a dataset.</summary>
    /// <param name="classes">As many classes as the network has.</param>
    /// <exception cref="ArgumentException">The numbers of classes differ.</exception>
    public ModelConfig WithClasses(ClassSet classes)
    {
        ArgumentNullException.ThrowIfNull(classes);
        Check.That(classes.Count == Classes, $"{Name} has {Classes} classes, but {classes.Name} has {classes.Count}.");
        return this with
        {
            ClassNames = classes.Names,
            Palette = new Palette([.. classes.Palette.Colors.Take(Classes)]),
            MeanBgr = [classes.MeanBgr.B, classes.MeanBgr.G, classes.MeanBgr.R],
        };
    }

    /// <summary>The classes, colours and mean pixel for preparing input and writing output; numbers for names and VOC's colours where the network has none. Void is 255.</summary>
    public ClassSet ToClassSet() => new()
    {
        Name = Name,
        Names = ClassNames ?? [.. Enumerable.Range(0, Classes).Select(label => string.Create(CultureInfo.InvariantCulture, $"class {label}"))],
        Palette = Palette ?? Palette.Voc,
        VoidLabel = 255,
        MeanBgr = (MeanBgr[0], MeanBgr[1], MeanBgr[2]),
    };

    /// <summary>Writes the configuration as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ModelJson.Default.ModelConfig);

    /// <summary>Checks that the parts fit each other and every number is in its range.</summary>
    /// <exception cref="ArgumentException">One is not; the message says which.</exception>
    public void Validate()
    {
        Check.That(!string.IsNullOrWhiteSpace(Name), "Name is empty.");
        Check.That(HasTrunk || Context is not null, "there is neither a front end nor a context module.");
        object?[] trunks = [FrontEnd, Fcn, DeepLab];
        Check.That(trunks.Count(trunk => trunk is not null) <= 1, "of FrontEnd, Fcn and DeepLab a network has one.");
        FrontEnd?.Validate();
        Fcn?.Validate();
        DeepLab?.Validate();
        Context?.Validate();
        Check.That(Fcn is null || Context is null, "a context module works on scores at a stride; an FCN makes them as fine as the image. Put it on a front end or DeepLab.");
        Check.That(
            !HasTrunk || Context is null || Classes == Context.Classes,
            $"the front end makes {Classes} classes and the context module takes {Context?.Classes}.");
        Check.That(
            !UpsampleInNetwork || FrontEnd?.Stages.Any(stage => stage.PoolAfter) == true,
            "UpsampleInNetwork needs a front end with at least one pooling.");
        Crf?.Validate();
        Check.That(Crf is null || Crf.Classes == Classes, $"the network has {Classes} classes and its CRF {Crf?.Classes}.");
        Check.That(Crf is null || HasTrunk, "a CRF compares the image's colours; a context module alone takes no image.");
        Check.That(Crf is null || !UpsampleInNetwork, "a CRF enlarges the scores itself; of Crf and UpsampleInNetwork a network has one.");
        Check.That(MeanBgr is { Count: 3 } && MeanBgr.All(double.IsFinite), "MeanBgr has three finite values: blue, green, red.");
        Check.That(float.IsFinite((float)InputScale) && (float)InputScale > 0, $"InputScale is above 0 and a float32 number; it was {InputScale}.");
        Check.That(ClassNames is null || ClassNames.Count == Classes, $"ClassNames has one entry a class, {Classes}; there were {ClassNames?.Count}.");
        Check.That(ClassNames is null || ClassNames.All(name => name is not null), "ClassNames holds a null entry.");
        Check.That(Palette is null || Palette.Count == Classes, $"Palette has one entry a class, {Classes}; there were {Palette?.Count}.");
        Check.That(InputSize is null or { Height: >= 1, Width: >= 1 }, $"InputSize is 1 or more along both axes; it was {InputSize}.");
    }
}
