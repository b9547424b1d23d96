using System.Globalization;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>
/// Probabilities as safetensors files: one float32 array <c>probabilities</c> of shape <c>[C, H, W]</c>, and in the metadata, under
/// <see cref="PaletteKey"/>, the colour of each class as <c>#RRGGBB</c> with spaces between.
/// </summary>
public static class ProbabilityFile
{
    /// <summary>The metadata key of the colours.</summary>
    public const string PaletteKey = "dilated_kernels.palette";

    private const string ArrayName = "probabilities";

    /// <summary>Writes probabilities; an existing file is replaced only once the new one is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="map">The probabilities.</param>
    /// <param name="palette">The classes' colours, or null.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, ProbabilityMap map, Palette? palette)
    {
        ArgumentNullException.ThrowIfNull(map);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (palette is not null)
        {
            metadata.Add(PaletteKey, string.Join(' ', palette.Colors.Select(color => string.Create(CultureInfo.InvariantCulture, $"#{color.R:X2}{color.G:X2}{color.B:X2}"))));
        }

        float[] planes = new float[map.Values.Length];
        int pixels = map.Width * map.Height;
        for (int i = 0; i < pixels; i++)
        {
            for (int c = 0; c < map.Classes; c++)
            {
                planes[(c * pixels) + i] = map.Values[(i * map.Classes) + c];
            }
        }

        SafetensorsWriter.Write(path, [(ArrayName, [map.Classes, map.Height, map.Width], planes)], metadata);
    }

    /// <summary>Reads probabilities, of any floating-point type and by whatever program written.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The probabilities, and the colours where the file has them.</returns>
    /// <exception cref="SafetensorsException">The file is damaged or holds something else; the message says what.</exception>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    public static (ProbabilityMap Map, Palette? Palette) Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        IReadOnlyList<int> shape = file.ShapeOf(ArrayName);
        // Checked before memory is taken.
        if (shape.Count != 3 || shape[0] is < 1 or > 256 || shape[1] is < 1 or > ImageLimits.MaxSide || shape[2] is < 1 or > ImageLimits.MaxSide)
        {
            throw new SafetensorsException(path, $"'{ArrayName}' has the shape [{string.Join(", ", shape)}]; it is [classes, height, width] with 1 to 256 classes and sides from 1 to {ImageLimits.MaxSide}.");
        }

        file.Verify();
        (int classes, int height, int width) = (shape[0], shape[1], shape[2]);
        float[] planes = file.Read(ArrayName).Values;
        float[] values = new float[planes.Length];
        int pixels = width * height;
        for (int c = 0; c < classes; c++)
        {
            for (int i = 0; i < pixels; i++)
            {
                float value = planes[(c * pixels) + i];
                if (!(value is >= 0 and <= 1.001f))
                {
                    throw new SafetensorsException(path, $"the value of class {c} at x {i % width}, y {i / width} is {value.ToString(CultureInfo.InvariantCulture)}; probabilities are from 0 to 1, and scores must go through a softmax first.");
                }

                values[(i * classes) + c] = value;
            }
        }

        return (new ProbabilityMap(width, height, classes, values), file.Metadata.TryGetValue(PaletteKey, out string? colors) ? Colors(path, colors) : null);
    }

    private static Palette Colors(string path, string text)
    {
        string[] colors = text.Split(' ');
        var parsed = new List<(byte, byte, byte)>();
        foreach (string color in colors)
        {
            if (color.Length != 7 || color[0] != '#' || !uint.TryParse(color.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint rgb) || parsed.Count == 256)
            {
                throw new SafetensorsException(path, $"the metadata {PaletteKey} are not 1 to 256 colours #RRGGBB with spaces between.");
            }

            parsed.Add(((byte)(rgb >> 16), (byte)(rgb >> 8), (byte)rgb));
        }

        return new Palette(parsed);
    }
}
