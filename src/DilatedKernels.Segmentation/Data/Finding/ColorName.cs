using System.Globalization;

namespace DilatedKernels.Segmentation.Data.Finding;

/// <summary>Names of classes of which nothing is known but the colour.</summary>
internal static class ColorName
{
    private static readonly Dictionary<int, string> s_names = new()
    {
        [0x000000] = "black",
        [0xFFFFFF] = "white",
        [0xFF0000] = "red",
        [0x00FF00] = "green",
        [0x0000FF] = "blue",
        [0xFFFF00] = "yellow",
        [0xFF00FF] = "magenta",
        [0x00FFFF] = "cyan",
        [0x800000] = "dark red",
        [0x008000] = "dark green",
        [0x000080] = "dark blue",
        [0x808000] = "olive",
        [0x800080] = "purple",
        [0x008080] = "teal",
        [0x808080] = "grey",
    };

    /// <summary>The name of a colour, or its numbers where it has none.</summary>
    public static string Of(int color) => s_names.GetValueOrDefault(color) ?? string.Create(CultureInfo.InvariantCulture, $"rgb {color >> 16} {(color >> 8) & 255} {color & 255}");
}
