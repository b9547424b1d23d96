namespace DilatedKernels.Segmentation.Models;

/// <summary>
/// DeepLab (Chen et al. 2015): VGG-16 with padding kept, poolings 4 and 5 at stride 1, conv5 at dilation 2, and a dilated fc6. Stride 8; score (i, j)
/// belongs to input pixel (8i, 8j), because every window is odd and centred.
/// </summary>
public sealed record DeepLabConfig
{
    /// <summary>Channels of each of the two layers of a <see cref="MultiScale"/> branch, before the width multiplier.</summary>
    internal const int BranchChannels = 128;

    /// <summary>The number of score maps, 1 to 255.</summary>
    public required int Classes { get; init; }

    /// <summary>Factor on all hidden channels, rounded to the nearest whole number (half upwards) and at least 1. 1 by default.</summary>
    public double WidthMultiplier { get; init; } = 1;

    /// <summary>Extent of fc6's kernel. 4 by default.</summary>
    public int FcKernel { get; init; } = 4;

    /// <summary>Its dilation; <c>(FcKernel − 1) · FcDilation</c> is even. 4 by default.</summary>
    public int FcDilation { get; init; } = 4;

    /// <summary>Channels of fc6 and fc7 before the width multiplier. 4096 by default.</summary>
    public int FcChannels { get; init; } = 4096;

    /// <summary>Whether a 3×3 average pooling of stride 1 comes before fc6, as in the published LargeFOV network. False by default.</summary>
    public bool AveragePool { get; init; }

    /// <summary>
    /// Whether the image and the first four poolings also speak to the classifier, each through a 3×3 and a 1×1 convolution with 128 channels, which
    /// bring it to stride 8: "MSc", 640 maps. False by default.
    /// </summary>
    public bool MultiScale { get; init; }

    /// <summary>Dropout rate after each fully connected layer, from 0 to below 1. 0.5 by default.</summary>
    public float Dropout { get; init; } = 0.5f;

    /// <summary>Standard deviation of the classifier's initial weights. 0.01 by default.</summary>
    public double FinalDeviation { get; init; } = 0.01;

    /// <summary>Factor on the classifier's learning rate, above 0. 1 by default; the published recipe, which starts from a trained VGG-16, has 10.</summary>
    public float ClassifierRate { get; init; } = 1;

    /// <summary>The base network: fc6 4×4 at dilation 4, 128 pixels of view.</summary>
    /// <param name="classes">The number of score maps.</param>
    /// <param name="widthMultiplier">Factor on all hidden channels.</param>
    public static DeepLabConfig Base(int classes, double widthMultiplier = 1) => new() { Classes = classes, WidthMultiplier = widthMultiplier };

    /// <summary>VGG-16's own fc6 at dilation 4: 7×7, 224 pixels of view.</summary>
    /// <param name="classes">The number of score maps.</param>
    /// <param name="widthMultiplier">Factor on all hidden channels.</param>
    public static DeepLabConfig SevenBySeven(int classes, double widthMultiplier = 1) => Base(classes, widthMultiplier) with { FcKernel = 7 };

    /// <summary>LargeFOV: fc6 3×3 at dilation 12 with 1024 channels, the 7×7's view with a seventh of its parameters.</summary>
    /// <param name="classes">The number of score maps.</param>
    /// <param name="widthMultiplier">Factor on all hidden channels.</param>
    public static DeepLabConfig LargeFov(int classes, double widthMultiplier = 1) =>
        Base(classes, widthMultiplier) with { FcKernel = 3, FcDilation = 12, FcChannels = 1024, AveragePool = true };

    internal int Scale(int channels) => VggParts.Scale(channels, WidthMultiplier);

    internal void Validate()
    {
        Check.Range(Classes, 1, 255, "Classes");
        VggParts.CheckWidth(WidthMultiplier);
        Check.Range(FcKernel, 1, 1 << 8, "FcKernel");
        Check.Range(FcDilation, 1, 1 << 12, "FcDilation");
        Check.That((FcKernel - 1) * FcDilation % 2 == 0, $"(FcKernel − 1) · FcDilation is even, so that fc6 can be padded alike on both sides; it was ({FcKernel} − 1) · {FcDilation}.");
        Check.Range(FcChannels, 1, 1 << 16, "FcChannels");
        VggParts.CheckDropout(Dropout);
        Check.That(FinalDeviation is >= 0 and <= 1e6, $"FinalDeviation is 0 or more; it was {FinalDeviation}.");
        Check.That(ClassifierRate is > 0 and <= 1e6f, $"ClassifierRate is above 0; it was {ClassifierRate}.");
    }
}
