namespace DilatedKernels.Segmentation.Data;

/// <summary>The crops of one training step in host memory.</summary>
public sealed class TrainingBatch
{
    /// <summary>Blue, green and red minus the mean, channels-last: <c>[N, H, W, 3]</c>.</summary>
    public required float[] Images { get; init; }

    /// <summary>Crops.</summary>
    public required int N { get; init; }

    /// <summary>Rows of a crop, margins included.</summary>
    public required int H { get; init; }

    /// <summary>Columns of a crop, margins included.</summary>
    public required int W { get; init; }

    /// <summary>The labels, void where there is no image: <c>[N, LabelHeight, LabelWidth]</c>.</summary>
    public required byte[] Labels { get; init; }

    /// <summary>Rows of a label map.</summary>
    public required int LabelHeight { get; init; }

    /// <summary>Columns of a label map.</summary>
    public required int LabelWidth { get; init; }

    /// <summary>The sample that each crop was cut from.</summary>
    public required IReadOnlyList<string> Names { get; init; }
}
