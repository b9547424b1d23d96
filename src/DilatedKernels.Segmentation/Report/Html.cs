using System.Globalization;
using System.Net;

namespace DilatedKernels.Segmentation.Report;

/// <summary>Text for a page: whatever comes from users is escaped here.</summary>
internal static class Html
{
    /// <summary>Text as HTML, fit for an attribute in quotation marks, too. Control characters become �.</summary>
    public static string Text(string text) =>
        WebUtility.HtmlEncode(string.Concat(text.Select(c => char.IsControl(c) && c != '\n' ? '\uFFFD' : c)));

    /// <summary>A name from elsewhere, which may turn the direction of reading: not that of what follows it.</summary>
    public static string Name(string name) => $"<bdi>{Text(name)}</bdi>";

    public static string Percent(double? share, int digits = 1) =>
        share is { } value && double.IsFinite(value) ? (100 * value).ToString($"F{digits}", CultureInfo.InvariantCulture) : "–";

    /// <summary>A whole number with thin spaces between thousands.</summary>
    public static string Count(long count) => count.ToString("#,0", CultureInfo.InvariantCulture).Replace(',', '\u2009');

    /// <summary>Four digits that count.</summary>
    public static string Short(double value) =>
        value == 0 ? "0"
        : Math.Abs(value) is < 1e-4 or >= 1e6 ? value.ToString("0.###e0", CultureInfo.InvariantCulture)
        : value.ToString("G4", CultureInfo.InvariantCulture);

    public static string Duration(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Clamp(seconds, 0, 1e9));
        return time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours} h {time.Minutes:D2} min")
            : time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes} min {time.Seconds:D2} s")
            : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:F1} s");
    }

    public static string Bytes(long bytes)
    {
        string[] units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
        double value = bytes;
        int unit = 0;
        for (; value >= 1024 && unit < units.Length - 1; unit++)
        {
            value /= 1024;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 || value >= 100 ? value.ToString("F0", CultureInfo.InvariantCulture) : value.ToString("F1", CultureInfo.InvariantCulture))} {units[unit]}");
    }

    /// <summary>A picture as an address that holds it.</summary>
    public static string Data(byte[] png) => $"data:image/png;base64,{Convert.ToBase64String(png)}";

    public static string Color((byte R, byte G, byte B) color) => string.Create(CultureInfo.InvariantCulture, $"#{color.R:x2}{color.G:x2}{color.B:x2}");
}
