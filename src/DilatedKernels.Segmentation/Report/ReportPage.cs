using System.Globalization;
using System.Reflection;
using System.Text;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Report;

/// <summary>
/// Writes what is to be seen of training runs as one page that needs nothing but itself: style, script and pictures are in it, and its own policy lets it
/// fetch nothing.
/// </summary>
public static class ReportPage
{
    private const string Mark = "<meta name=\"generator\" content=\"dilated report\">";

    /// <summary>Writes the page of a run, or of several to compare.</summary>
    /// <param name="runs">Run folders.</param>
    /// <param name="output">The file. It is replaced if it is such a page already.</param>
    /// <exception cref="UserInputException">A folder holds no run, the file holds something else, or it cannot be written.</exception>
    public static void Write(IReadOnlyList<string> runs, string output)
    {
        ArgumentNullException.ThrowIfNull(runs);
        ArgumentOutOfRangeException.ThrowIfZero(runs.Count);
        if (Directory.Exists(output))
        {
            throw new UserInputException($"{output} is a folder; name a file for the report, such as {Path.Combine(output, "report.html")}.");
        }

        if (File.Exists(output) && !IsReport(output))
        {
            throw new UserInputException($"{output} exists and is no report; name another file. Nothing was overwritten.");
        }

        IReadOnlyList<RunData> read = RunData.Read(runs);
        AtomicFile.Write(output, Encoding.UTF8.GetBytes(read.Count == 1 ? RunReport.Page(read[0]) : ComparisonReport.Page(read)));
    }

    /// <summary>The whole page around its content.</summary>
    internal static string Around(string title, string content) => $"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        {Mark}
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
        <meta name="color-scheme" content="light dark">
        <title>{Html.Text(title)}</title>
        <link rel="icon" href="data:,">
        <style>
        {Resource("report.css")}</style>
        </head>
        <body>
        {content}<script>
        {Resource("report.js")}</script>
        </body>
        </html>

        """;

    private static bool IsReport(string path)
    {
        if (FileSize.Of(path) == 0)
        {
            return false;
        }

        using StreamReader reader = File.OpenText(path);
        char[] start = new char[400];
        int read = reader.ReadBlock(start, 0, start.Length);
        return new string(start, 0, read).Contains(Mark, StringComparison.Ordinal);
    }

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"report/{name}")
            ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{name} is not part of the build."));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
