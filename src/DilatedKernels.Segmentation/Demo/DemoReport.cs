using System.Globalization;
using System.Net;
using System.Text;
using DilatedKernels.Segmentation.Compare;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Demo;

/// <summary>Writes the demo's pictures and a page that shows them.</summary>
public sealed class DemoReport
{
    private const string PageName = "report.html";
    private const string OverviewName = "overview.png";
    private const string Mark = "<meta name=\"generator\" content=\"dilated demo\">";
    private const int PicturedScenes = 6;
    private const int Zoom = 2;
    private static readonly string[] Columns = ["Scene", "Truth", "Front end", "Front end + context", "Context from random weights"];

    private readonly string _folder;
    private int _scenes;

    /// <summary>Prepares the report.</summary>
    /// <param name="folder">Where it goes; made if it is not there. Files of an earlier report are replaced.</param>
    /// <exception cref="UserInputException">The folder holds something else, or cannot be made.</exception>
    public DemoReport(string folder)
    {
        if (string.IsNullOrWhiteSpace(folder) || File.Exists(folder))
        {
            throw new UserInputException($"The demo's pictures need a folder; \"{folder}\" cannot be one.");
        }

        string page = Path.Combine(folder, PageName);
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()
            && !(File.Exists(page) && File.ReadLines(page).Take(6).Any(line => line.Contains(Mark, StringComparison.Ordinal))))
        {
            throw new UserInputException($"{folder} holds files that are not an earlier demo's; name another folder with --out. Nothing was overwritten.");
        }

        Directory.CreateDirectory(folder);
        // From the start, so that an interrupted demo's folder is known for one.
        File.WriteAllText(page, $"<!doctype html>\n{Mark}\n<p>The demo has not finished.</p>\n");
        _folder = folder;
    }

    /// <summary>The page.</summary>
    public string Page => Path.Combine(_folder, PageName);

    /// <summary>Writes the pictures of a scene; only the first few are kept.</summary>
    /// <param name="scene">A scored scene.</param>
    public void Add(DemoScene scene)
    {
        if (_scenes >= PicturedScenes)
        {
            return;
        }

        PngWriter.Write(NameOf(_scenes, 0), Enlarge(scene.Image));
        if (_scenes == 0)
        {
            PngWriter.Write(Path.Combine(_folder, OverviewName), OverviewOf(scene));
        }

        IndexMask[] masks = [scene.Truth, scene.FrontEnd, scene.Context, scene.RandomContext];
        for (int i = 0; i < masks.Length; i++)
        {
            RgbImage overlay = Overlay.Blend(scene.Image, masks[i], LaneScenes.Classes.Palette, 0.7);
            PngWriter.Write(NameOf(_scenes, i + 1), Enlarge(overlay));
        }

        _scenes++;
    }

    /// <summary>One scene in a row, for a page that has room for one picture: scene, truth, front end, front end + context. Masks are in flat colours.</summary>
    /// <param name="scene">A scored scene.</param>
    internal static RgbImage OverviewOf(DemoScene scene) => SideBySide.Join(
    [
        Enlarge(scene.Image),
        .. new[] { scene.Truth, scene.FrontEnd, scene.Context }.Select(mask => Enlarge(SideBySide.Colors(mask, LaneScenes.Classes.Palette))),
    ]);

    /// <summary>Writes the page.</summary>
    /// <param name="result">The scores.</param>
    public void Write(DemoResult result)
    {
        var page = new StringBuilder();
        page.Append("""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="generator" content="dilated demo">
            <meta name="viewport" content="width=device-width"><title>DilatedKernels demo</title>
            <style>
            :root { color-scheme: light dark; }
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 90rem; margin: 2rem auto; padding: 0 1rem; }
            table { border-collapse: collapse; } td, th { padding: .3rem .7rem; text-align: left; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
            .scroll { overflow-x: auto; } img { width: 16rem; image-rendering: pixelated; display: block; }
            .key span { display: inline-block; width: 1em; height: 1em; margin: 0 .3em 0 1em; vertical-align: -.1em; }
            </style></head><body>
            <h1>What context adds</h1>

            """);
        page.Append(CultureInfo.InvariantCulture, $"""
            <p>A car's class is the colour of its lane's signal, at least {LaneScenes.CueDistance} pixels away. The front end sees {result.FrontEndReceptiveField}
            pixels and has to guess; with the context module a score depends on {result.FinalReceptiveField} pixels.</p>

            """);
        AppendScores(page, result);
        AppendKey(page);
        AppendPictures(page);
        page.Append("</body></html>\n");
        File.WriteAllText(Page, page.ToString());
    }

    private static void AppendScores(StringBuilder page, DemoResult result)
    {
        page.Append("<div class=\"scroll\"><table><tr><th>IoU in %</th><th>Front end</th><th>+ context, identity start</th><th>+ context, random start</th></tr>\n");
        for (int c = 0; c < LaneScenes.Classes.Names.Count; c++)
        {
            Row(LaneScenes.Classes.Names[c], result.FrontEnd.IoU(c), result.Context.IoU(c), result.RandomContext.IoU(c));
        }

        Row("mean", result.FrontEnd.MeanIoU, result.Context.MeanIoU, result.RandomContext.MeanIoU);
        page.Append("</table></div>\n");

        void Row(string name, params ReadOnlySpan<double> values)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{WebUtility.HtmlEncode(name)}</td>");
            foreach (double value in values)
            {
                page.Append(CultureInfo.InvariantCulture, $"<td class=\"number\">{100 * value:F1}</td>");
            }

            page.Append("</tr>\n");
        }
    }

    private static void AppendKey(StringBuilder page)
    {
        page.Append("<p class=\"key\">");
        for (int c = 0; c < LaneScenes.Classes.Names.Count; c++)
        {
            (byte r, byte g, byte b) = LaneScenes.Classes.Palette.Colors[c];
            page.Append(CultureInfo.InvariantCulture, $"<span style=\"background:rgb({r} {g} {b})\"></span>{WebUtility.HtmlEncode(LaneScenes.Classes.Names[c])}");
        }

        page.Append("</p>\n");
    }

    private void AppendPictures(StringBuilder page)
    {
        page.Append("<div class=\"scroll\"><table><tr>");
        foreach (string column in Columns)
        {
            page.Append(CultureInfo.InvariantCulture, $"<th>{column}</th>");
        }

        page.Append("</tr>\n");
        for (int scene = 0; scene < _scenes; scene++)
        {
            page.Append("<tr>");
            for (int column = 0; column < Columns.Length; column++)
            {
                page.Append(CultureInfo.InvariantCulture, $"<td><img src=\"{Path.GetFileName(NameOf(scene, column))}\" alt=\"{Columns[column]} {scene + 1}\"></td>");
            }

            page.Append("</tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static RgbImage Enlarge(RgbImage image)
    {
        byte[] pixels = new byte[image.Pixels.Length * Zoom * Zoom];
        int width = image.Width * Zoom;
        for (int i = 0; i < image.Height * Zoom * width; i++)
        {
            int source = (((i / width / Zoom) * image.Width) + (i % width / Zoom)) * 3;
            image.Pixels.AsSpan(source, 3).CopyTo(pixels.AsSpan(i * 3, 3));
        }

        return new RgbImage(width, image.Height * Zoom, pixels);
    }

    private string NameOf(int scene, int column)
    {
        string[] names = ["scene", "truth", "front-end", "context", "random-context"];
        return Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{scene + 1}-{names[column]}.png"));
    }
}
