using System.Globalization;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Cli.Commands;

/// <summary>Reads <c>SIZE</c> or <c>HEIGHTxWIDTH</c>.</summary>
internal static class SizeText
{
    public static Size2? Parse(string? text, string option)
    {
        if (text is null)
        {
            return null;
        }

        string[] parts = text.Split('x', '×');
        if (parts.Length <= 2 && Number(parts[0], out int height) && Number(parts[^1], out int width))
        {
            return new Size2(height, width);
        }

        throw new UserInputException($"{option} is a size in pixels such as 564 or 480x640 (height x width); it was {text}.");

        static bool Number(string part, out int value) => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value is > 0 and <= 1 << 16;
    }
}
