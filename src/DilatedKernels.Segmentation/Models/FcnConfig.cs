namespace DilatedKernels.Segmentation.Models;

/// <summary>
/// A fully convolutional network: VGG-16 with all its poolings, whose scores at stride 32 are enlarged to the image's resolution and, in the finer
/// networks, joined with scores of earlier poolings on the way (Long et al. 2015).
/// </summary>
public sealed record FcnConfig
{
    /// <summary>Padding of the first convolution, so that the 7×7 kernel of fc6 fits on small images and scores reach past the border of any.</summary>
    internal const int FirstPadding = 100;

    /// <summary>The number of score maps, 1 to 255.</summary>
    public required int Classes { get; init; }

    /// <summary>32, 16 or 8: the stride of the finest scores. 16 joins those of pool4, 8 those of pool4 and pool3. 8 by default.</summary>
    public int Stride { get; init; } = 8;

    /// <summary>Factor on all hidden channels, rounded to the nearest whole number (half upwards) and at least 1. 1 by default.</summary>
    public double WidthMultiplier { get; init; } = 1;

    /// <summary>
    /// Whether the two upsamplings by 2 on the way learn, from bilinear weights on, as in the paper; the last upsampling never does. False by default, as
    /// in the authors' released networks.
    /// </summary>
    public bool LearnUpsampling { get; init; }

    /// <summary>Dropout rate after each fully connected layer, from 0 to below 1. 0.5 by default.</summary>
    public float Dropout { get; init; } = 0.5f;

    internal int Scale(int channels) => VggParts.Scale(channels, WidthMultiplier);

    internal void Validate()
    {
        Check.Range(Classes, 1, 255, "Classes");
        Check.That(Stride is 32 or 16 or 8, $"An FCN's Stride is 32, 16 or 8; it was {Stride}.");
        VggParts.CheckWidth(WidthMultiplier);
        VggParts.CheckDropout(Dropout);
    }
}
