namespace DilatedKernels.Segmentation.Data;

/// <summary>Which label positions of a crop are trained on.</summary>
public enum LabelResolution
{
    /// <summary>One label a network output cell: the top-left pixel of each stride × stride block.</summary>
    Stride,

    /// <summary>Every pixel of the crop inside its margins, for networks that upsample their output before the loss.</summary>
    Full,
}

/// <summary>
/// How training batches are cut. The network consumes a margin on each side, so a crop of <c>c</c> pixels has
/// <c>(c − 2·Margin) / Stride</c> output cells; cell (i, j) is trained on the label of the crop's pixel (Margin + Stride·i, Margin + Stride·j).
/// Yu and Koltun's front end has margin 186 and stride 8: 500 gives 16 cells, 628 gives 32, 852 gives 60. A padded network takes every size: DeepLab has
/// a cell at every eighth pixel, so that 321 gives 41, and an FCN one at every pixel.
/// </summary>
public sealed record CropOptions
{
    private const double SmallestScale = 0.1;
    private const double LargestScale = 10;

    /// <summary>The network's input size, margins included.</summary>
    public required Size2 Crop { get; init; }

    /// <summary>The pixels that the network consumes on each side, 0 or more.</summary>
    public int Margin { get; init; } = 186;

    /// <summary>The pixels of input for a cell of output, 1 or more.</summary>
    public int Stride { get; init; } = 8;

    /// <summary>Whether the network pads its maps: then a last cell may stand for fewer pixels than the others. False by default.</summary>
    public bool Padded { get; init; }

    /// <summary>Whether to exchange left and right in every other crop, at random.</summary>
    public bool Mirror { get; init; } = true;

    /// <summary>The least factor by which images are enlarged, above 0; 1 by default.</summary>
    public double LeastScale { get; init; } = 1;

    /// <summary>The greatest factor by which images are enlarged; each crop's is drawn evenly from those between.</summary>
    public double MostScale { get; init; } = 1;

    /// <summary>Random changes of colour, or null for none.</summary>
    public ColorJitter? Jitter { get; init; }

    /// <summary>The label positions.</summary>
    public LabelResolution Labels { get; init; } = LabelResolution.Stride;

    /// <summary>The seed of order, positions and mirroring.</summary>
    public ulong Seed { get; init; }

    /// <summary>Crops in a batch, 1 or more.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>The crops of a batch that are cut here, from the first to before the last; null for all. Each is the same whoever else is cut.</summary>
    internal (int Begin, int End)? OwnImages { get; init; }

    /// <summary>The network's output size for <see cref="Crop"/>.</summary>
    public Size2 Cells => new((Interior.Height + Stride - 1) / Stride, (Interior.Width + Stride - 1) / Stride);

    /// <summary>The crop's size inside the margins.</summary>
    public Size2 Interior => new(Crop.Height - (2 * Margin), Crop.Width - (2 * Margin));

    /// <summary>The size of the label map that goes with a crop.</summary>
    public Size2 LabelSize => Labels == LabelResolution.Full ? Interior : Cells;

    /// <summary>Checks the options against each other.</summary>
    /// <exception cref="UserInputException">An option is out of range, or the crop does not give whole cells; the message names the nearest sizes that do.</exception>
    public void Validate()
    {
        if (Margin < 0 || Stride < 1 || BatchSize < 1)
        {
            throw new UserInputException($"The margin is {Margin}, the stride {Stride} and the batch size {BatchSize}; they must be at least 0, 1 and 1.");
        }

        if (!(LeastScale >= SmallestScale && MostScale >= LeastScale && MostScale <= LargestScale))
        {
            throw new UserInputException($"Images are scaled (--scale) by {SmallestScale} to {LargestScale}, the smaller factor first; they were to be by {LeastScale} to {MostScale}.");
        }

        Jitter?.Validate();
        ValidateExtent("height", Crop.Height);
        ValidateExtent("width", Crop.Width);
        if ((Int128)Crop.Height * Crop.Width * 3 * BatchSize > Array.MaxLength)
        {
            throw new UserInputException($"A batch of {BatchSize} crops of {Crop} (height×width) is too large for one tensor; use smaller crops or fewer.");
        }
    }

    private void ValidateExtent(string axis, int extent)
    {
        long interior = extent - (2L * Margin);
        if (Padded ? interior >= 1 : interior >= Stride && interior % Stride == 0)
        {
            return;
        }

        if (Padded)
        {
            throw new UserInputException($"A crop {axis} of {extent} leaves nothing; it is 1 or more.");
        }

        long below = (2L * Margin) + (Math.Max(1, interior / Stride) * Stride);
        long above = interior < Stride ? below : below + Stride;
        string nearest = below == above ? $"the smallest that does is {below}" : $"the nearest that do are {below} and {above}";
        throw new UserInputException(
            $"A crop {axis} of {extent} does not leave whole cells: {extent} − 2·{Margin} margin = {interior} must be a positive multiple of the stride {Stride}; {nearest}.");
    }
}
