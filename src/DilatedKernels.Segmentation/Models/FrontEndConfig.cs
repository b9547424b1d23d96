namespace DilatedKernels.Segmentation.Models;

/// <summary>A run of 3×3 convolutions, each followed by ReLU, with the same channels and dilation.</summary>
/// <param name="Convolutions">How many, 1 or more.</param>
/// <param name="Channels">Output channels before the width multiplier, 1 or more.</param>
/// <param name="Dilation">Dilation in cells of this stage's map, 1 or more.</param>
/// <param name="PoolAfter">Whether a 2×2 max pooling of stride 2 follows.</param>
public sealed record Stage(int Convolutions, int Channels, int Dilation = 1, bool PoolAfter = false);

/// <summary>
/// The front end: a classification network turned into one for dense prediction by dropping its last poolings, dilating what
/// follows, and dropping all padding (Yu and Koltun 2016, section 4).
/// </summary>
/// <remarks>Two records that hold equal lists are not equal by <c>==</c>: lists compare by reference.</remarks>
public sealed record FrontEndConfig
{
    /// <summary>The number of score maps, 1 to 255.</summary>
    public required int Classes { get; init; }

    /// <summary>
    /// Factor on all hidden channels, rounded to the nearest whole number (half upwards) and at least 1. 1 by default;
    /// 1/8 turns VGG-16's channels into 8, 16, 32, 64, 64 and 512.
    /// </summary>
    public double WidthMultiplier { get; init; } = 1;

    /// <summary>The convolutions before the first fully connected layer.</summary>
    public required IReadOnlyList<Stage> Stages { get; init; }

    /// <summary>Extent of the first fully connected layer's kernel, odd. 7 by default.</summary>
    public int FcKernel { get; init; } = 7;

    /// <summary>Its dilation. 4 by default.</summary>
    public int FcDilation { get; init; } = 4;

    /// <summary>Channels of both fully connected layers before the width multiplier. 4096 by default.</summary>
    public int FcChannels { get; init; } = 4096;

    /// <summary>What the poolings do with a last row or column that has no partner. Down by default; the released nets, made with Caffe, round up.</summary>
    public PoolRounding PoolRounding { get; init; } = PoolRounding.Floor;

    /// <summary>Dropout rate after each fully connected layer, from 0 to below 1. 0.5 by default.</summary>
    public float Dropout { get; init; } = 0.5f;

    /// <summary>
    /// Standard deviation of the last layer's initial weights. 0.001 by default, as in the paper's recipe for a pretrained trunk; from
    /// scratch 0.01 starts the trunk's learning sooner and still gives an initial loss of about ln C.
    /// </summary>
    public double FinalDeviation { get; init; } = 0.001;

    /// <summary>
    /// The paper's front end: VGG-16 with poolings 4 and 5 removed, conv5 at dilation 2 and fc6 at dilation 4, stride 8,
    /// receptive field 380 pixels.
    /// </summary>
    /// <param name="classes">The number of score maps.</param>
    /// <param name="widthMultiplier">Factor on all hidden channels.</param>
    public static FrontEndConfig Vgg16(int classes, double widthMultiplier = 1) => new()
    {
        Classes = classes,
        WidthMultiplier = widthMultiplier,
        Stages =
        [
            new Stage(2, 64, PoolAfter: true),
            new Stage(2, 128, PoolAfter: true),
            new Stage(3, 256, PoolAfter: true),
            new Stage(3, 512),
            new Stage(3, 512, Dilation: 2),
        ],
    };

    /// <summary>
    /// A small front end after the same rules, to be trained from scratch on small images: two poolings kept, then dilations 2 and 4;
    /// stride 4, receptive field 80 pixels.
    /// </summary>
    /// <param name="classes">The number of score maps.</param>
    /// <param name="channels">Channels of the first stage; the later ones have 2, 4 and 4 times as many.</param>
    public static FrontEndConfig Small(int classes, int channels = 16) => new()
    {
        Classes = classes,
        Stages =
        [
            new Stage(2, channels, PoolAfter: true),
            new Stage(2, 2 * channels, PoolAfter: true),
            new Stage(2, 4 * channels, Dilation: 2),
        ],
        FcKernel = 3,
        FcDilation = 4,
        FcChannels = 4 * channels,
        Dropout = 0,
        FinalDeviation = 0.01,
    };

    internal int Scale(int channels) => VggParts.Scale(channels, WidthMultiplier);

    internal void Validate()
    {
        Check.Range(Classes, 1, 255, "Classes");
        Check.That(Stages is { Count: >= 1 and <= 64 }, "Stages has 1 to 64 entries.");
        VggParts.CheckWidth(WidthMultiplier);
        foreach (Stage stage in Stages!)
        {
            Check.That(stage is not null, "Stages holds a null entry.");
            Check.Range(stage!.Convolutions, 1, 256, "A stage's Convolutions");
            Check.Range(stage.Channels, 1, 1 << 16, "A stage's Channels");
            Check.Range(stage.Dilation, 1, 1 << 12, "A stage's Dilation");
        }

        Check.Range(FcKernel, 1, 1 << 8, "FcKernel");
        Check.That(FcKernel % 2 == 1, $"FcKernel is odd, so that scores sit at the centre of what they see; it was {FcKernel}.");
        Check.Range(FcDilation, 1, 1 << 12, "FcDilation");
        Check.Range(FcChannels, 1, 1 << 16, "FcChannels");
        VggParts.CheckDropout(Dropout);
        Check.That(FinalDeviation is >= 0 and <= 1e6, $"FinalDeviation is 0 or more; it was {FinalDeviation}.");
        Check.That(Enum.IsDefined(PoolRounding), $"PoolRounding {PoolRounding} is not a known rounding.");
    }
}
