namespace DilatedKernels.Segmentation.Data;

/// <summary>
/// Random changes of colour while training, in torchvision's form (ColorJitter) and in this order, each result limited to 0 to 255: brightness <c>v ← b·v</c>, contrast
/// <c>v ← m + c·(v − m)</c> with the mean grey m of the crop, saturation <c>v ← g + s·(v − g)</c> with the pixel's grey <c>g = 0.299·R + 0.587·G + 0.114·B</c>. The factors b, c and s are
/// drawn evenly from <c>1 − strength</c> to <c>1 + strength</c>.
/// </summary>
/// <param name="Brightness">The strength, 0 to 1; 0 leaves the brightness alone.</param>
/// <param name="Contrast">As above, of the contrast.</param>
/// <param name="Saturation">As above, of the saturation.</param>
public sealed record ColorJitter(double Brightness, double Contrast = 0, double Saturation = 0)
{
    /// <summary>Refuses strengths outside 0 to 1.</summary>
    /// <exception cref="UserInputException">A strength is outside 0 to 1.</exception>
    public void Validate()
    {
        foreach ((string name, double strength) in (ReadOnlySpan<(string, double)>)[("brightness", Brightness), ("contrast", Contrast), ("saturation", Saturation)])
        {
            if (!(strength is >= 0 and <= 1))
            {
                throw new UserInputException($"The jitter of {name} (--jitter) is 0 to 1; it was {strength}.");
            }
        }
    }

    /// <summary>Changes the colours of a crop.</summary>
    /// <param name="crop">Blue, green and red less the mean, pixel by pixel.</param>
    /// <param name="meanBgr">The mean.</param>
    /// <param name="random">Where the three factors come from.</param>
    internal void Apply(Span<float> crop, (double B, double G, double R) meanBgr, RandomSequence random)
    {
        float brightness = Factor(Brightness, random);
        float contrast = Factor(Contrast, random);
        float saturation = Factor(Saturation, random);
        (float meanB, float meanG, float meanR) = ((float)meanBgr.B, (float)meanBgr.G, (float)meanBgr.R);
        double greys = 0;
        for (int i = 0; i < crop.Length; i += 3)
        {
            crop[i] = Limit((crop[i] + meanB) * brightness);
            crop[i + 1] = Limit((crop[i + 1] + meanG) * brightness);
            crop[i + 2] = Limit((crop[i + 2] + meanR) * brightness);
            greys += Grey(crop[i], crop[i + 1], crop[i + 2]);
        }

        float middle = crop.Length == 0 ? 0 : (float)(greys / (crop.Length / 3));
        for (int i = 0; i < crop.Length; i += 3)
        {
            float b = Limit(middle + (contrast * (crop[i] - middle)));
            float g = Limit(middle + (contrast * (crop[i + 1] - middle)));
            float r = Limit(middle + (contrast * (crop[i + 2] - middle)));
            float grey = Grey(b, g, r);
            crop[i] = Limit(grey + (saturation * (b - grey))) - meanB;
            crop[i + 1] = Limit(grey + (saturation * (g - grey))) - meanG;
            crop[i + 2] = Limit(grey + (saturation * (r - grey))) - meanR;
        }
    }

    private static float Factor(double strength, RandomSequence random) => (float)(1 + (strength * ((2 * random.NextDouble()) - 1)));

    private static float Limit(float value) => Math.Clamp(value, 0f, 255f);

    private static float Grey(float b, float g, float r) => (0.299f * r) + (0.587f * g) + (0.114f * b);
}
