using System.Globalization;

namespace DilatedKernels.Segmentation.Imaging;

/// <summary>The colour of each class index: 1 to 256 colours, equal when their colours are.</summary>
public sealed record Palette
{
    private readonly (byte R, byte G, byte B)[] _colors;

    /// <summary>Copies the colours.</summary>
    /// <param name="colors">The colour of index 0, 1, …</param>
    /// <exception cref="ArgumentException">There are none, or more than 256.</exception>
    public Palette(IReadOnlyList<(byte R, byte G, byte B)> colors)
    {
        ArgumentNullException.ThrowIfNull(colors);
        if (colors.Count is < 1 or > 256)
        {
            throw new ArgumentException($"A palette has 1 to 256 colours, but {colors.Count} were given.", nameof(colors));
        }

        _colors = [.. colors];
    }

    /// <summary>
    /// Pascal VOC's 256 colours. Bits 0, 1, 2 of an index become the highest bit of R, G, B; bits 3, 4, 5 the next, and so on.
    /// 255, void, is (224, 224, 192).
    /// </summary>
    public static Palette Voc { get; } = new(BitInterleaved());

    /// <summary>CamVid's 11 classes in the order of Yu and Koltun's table 5 and of their released network: building first, bicyclist last.</summary>
    public static Palette CamVid { get; } = new(
    [
        (128, 0, 0), (128, 128, 0), (128, 128, 128), (64, 0, 128), (192, 128, 128), (128, 64, 128),
        (64, 64, 0), (64, 64, 128), (192, 192, 128), (0, 0, 192), (0, 128, 192),
    ]);

    /// <summary>Cityscapes' 19 training classes: road first, bicycle last.</summary>
    public static Palette Cityscapes { get; } = new(
    [
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153), (250, 170, 30),
        (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70),
        (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ]);

    /// <summary>The colours by index.</summary>
    public IReadOnlyList<(byte R, byte G, byte B)> Colors => _colors;

    /// <summary>The number of colours.</summary>
    public int Count => _colors.Length;

    /// <summary>The colour of an index.</summary>
    /// <param name="index">0 to <see cref="Count"/> − 1.</param>
    public (byte R, byte G, byte B) this[int index] => _colors[index];

    /// <summary>Reads colours written as <c>#RRGGBB</c>.</summary>
    /// <param name="colors">1 to 256 colours.</param>
    /// <exception cref="FormatException">A text is no such colour; the message shows it.</exception>
    public static Palette FromHex(IReadOnlyList<string> colors)
    {
        ArgumentNullException.ThrowIfNull(colors);
        return new Palette([.. colors.Select(Parse)]);

        static (byte R, byte G, byte B) Parse(string text) =>
            text.Length == 7 && text[0] == '#' && int.TryParse(text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
                ? ((byte)(value >> 16), (byte)(value >> 8), (byte)value)
                : throw new FormatException($"A colour is written as #RRGGBB; this one is \"{text}\".");
    }

    /// <summary>The first colours as <c>#RRGGBB</c>.</summary>
    /// <param name="count">How many, 1 to <see cref="Count"/>.</param>
    public IReadOnlyList<string> ToHex(int count) => [.. _colors.Take(count).Select(c => $"#{c.R:X2}{c.G:X2}{c.B:X2}")];

    /// <summary>Whether both palettes have the same colours in the same order.</summary>
    /// <param name="other">The other palette.</param>
    public bool Equals(Palette? other) => other is not null && _colors.AsSpan().SequenceEqual(other._colors);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach ((byte r, byte g, byte b) in _colors)
        {
            hash.Add((r << 16) | (g << 8) | b);
        }

        return hash.ToHashCode();
    }

    private static (byte R, byte G, byte B)[] BitInterleaved()
    {
        var colors = new (byte R, byte G, byte B)[256];
        for (int index = 0; index < 256; index++)
        {
            int r = 0, g = 0, b = 0;
            for (int bits = index, level = 7; bits != 0; bits >>= 3, level--)
            {
                r |= (bits & 1) << level;
                g |= ((bits >> 1) & 1) << level;
                b |= ((bits >> 2) & 1) << level;
            }

            colors[index] = ((byte)r, (byte)g, (byte)b);
        }

        return colors;
    }
}
