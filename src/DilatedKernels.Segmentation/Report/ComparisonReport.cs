using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Report;

/// <summary>The page of several runs: their curves in one chart each, what they reached, and in which settings they differ.</summary>
internal static class ComparisonReport
{
    private const int Colors = 8;

    public static string Page(IReadOnlyList<RunData> runs)
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"<header><p class=\"kind\">Training report</p><h1>{runs.Count} runs compared</h1></header>\n<main>\n");
        Figures(page, runs);
        Sections.Curves(page, runs);
        Differences(page, runs);
        Classes(page, runs);
        page.Append("<p class=\"note\">Confusion matrices and pictures are in each run's own report: <code>dilated report RUN</code>.</p>\n</main>\n");
        return ReportPage.Around($"{runs.Count} runs compared – training report", page.ToString());
    }

    private static void Figures(StringBuilder page, IReadOnlyList<RunData> runs)
    {
        page.Append("""
            <section aria-labelledby="figures"><h2 id="figures">Final figures</h2>
            <div class="scroll" tabindex="0" role="region" aria-labelledby="figures"><table class="grid"><thead><tr><th scope="col">Run</th><th scope="col" class="n">mean IoU, %</th><th scope="col" class="n">best, %</th><th scope="col" class="n">accuracy, %</th><th scope="col" class="n">loss</th><th scope="col" class="n">steps</th><th scope="col" class="n">time</th><th scope="col" class="n">images/s</th><th scope="col" class="n">parameters</th><th scope="col">device</th></tr></thead><tbody>

            """);
        double highest = runs.Max(run => run.Best?.MeanIoU ?? double.NegativeInfinity);
        for (int i = 0; i < runs.Count; i++)
        {
            RunData run = runs[i];
            string loss = run.Rows.Count == 0 ? "–" : Html.Short(run.Rows.Skip(Math.Max(0, run.Rows.Count - 40)).Average(row => row.Loss));
            string best = run.Best?.MeanIoU == highest ? " top" : "";
            page.Append(CultureInfo.InvariantCulture, $"""
                <tr><th scope="row"><span class="key s{i % Colors}"></span>{Html.Name(run.Name)}</th><td class="n">{Html.Percent(run.Validation?.Matrix.MeanIoU)}</td><td class="n{best}">{Html.Percent(run.Best?.MeanIoU)}</td><td class="n">{Html.Percent(run.Validation?.Matrix.PixelAccuracy)}</td><td class="n">{loss}</td><td class="n">{(run.Rows.Count == 0 ? "0" : Html.Count((long)run.Rows[^1].Step))}</td><td class="n">{(run.Facts is { } facts ? Html.Duration(facts.Seconds) : "–")}</td><td class="n">{(run.Rows.Count == 0 ? "–" : Html.Short(run.Rows[^1].ImagesPerSecond))}</td><td class="n">{(run.Facts is { } own ? Html.Count(own.Parameters) : "–")}</td><td>{Html.Text(run.Facts?.Device ?? "–")}</td></tr>

                """);
        }

        page.Append("</tbody></table></div><p class=\"note\">Mean IoU and accuracy of the last validation; the loss is the mean of the last 40 steps.</p></section>\n");
    }

    private static void Differences(StringBuilder page, IReadOnlyList<RunData> runs)
    {
        Dictionary<string, string>[] settings = [.. runs.Select(run => ConfigSettings.Of(run.Config).ToDictionary(pair => pair.Key, pair => pair.Value))];
        string[] keys = [.. settings.SelectMany(own => own.Keys).Distinct().Where(key => settings.Select(own => own.GetValueOrDefault(key)).Distinct().Count() > 1)];
        page.Append("<section aria-labelledby=\"differences\"><h2 id=\"differences\">Settings that differ</h2>\n");
        if (keys.Length == 0)
        {
            page.Append("<p class=\"note\">None: the configurations are the same.</p></section>\n");
            return;
        }

        page.Append("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"differences\"><table class=\"grid\"><thead><tr><th scope=\"col\">Setting</th>");
        Heads(page, runs);
        page.Append("</tr></thead><tbody>\n");
        foreach (string key in keys)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html.Text(key)}</th>");
            foreach (Dictionary<string, string> own in settings)
            {
                page.Append(CultureInfo.InvariantCulture, $"<td class=\"value\">{(own.TryGetValue(key, out string? value) ? Html.Name(value) : "–")}</td>");
            }

            page.Append("</tr>\n");
        }

        page.Append("</tbody></table></div></section>\n");
    }

    private static void Classes(StringBuilder page, IReadOnlyList<RunData> runs)
    {
        KeptValidation[] validations = [.. runs.Select(run => run.Validation).OfType<KeptValidation>()];
        if (validations.Length == 0)
        {
            return;
        }

        page.Append("<section aria-labelledby=\"classes\"><h2 id=\"classes\">IoU of the classes, %</h2>\n");
        if (validations.Any(validation => !validation.Classes.SequenceEqual(validations[0].Classes)))
        {
            page.Append("<p class=\"note\">The runs have different classes.</p></section>\n");
            return;
        }

        page.Append("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"classes\"><table class=\"grid\"><thead><tr><th scope=\"col\">Class</th>");
        Heads(page, runs, "n");
        page.Append("</tr></thead><tbody>\n");
        double[][] scores = [.. runs.Select(run => run.Validation?.Matrix.PerClassIoU().ToArray() ?? [])];
        for (int c = 0; c < validations[0].Classes.Count; c++)
        {
            double highest = scores.Where(own => own.Length > 0 && double.IsFinite(own[c])).Select(own => own[c]).DefaultIfEmpty(double.NaN).Max();
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{ClassTables.Swatch(validations[0], c)}{Html.Name(validations[0].Classes[c])}</th>");
            foreach (double[] own in scores)
            {
                page.Append(CultureInfo.InvariantCulture, $"<td class=\"n{(own.Length > 0 && own[c] == highest && highest > 0 ? " top" : "")}\">{(own.Length > 0 ? Html.Percent(own[c]) : "–")}</td>");
            }

            page.Append("</tr>\n");
        }

        page.Append("</tbody></table></div></section>\n");
    }

    private static void Heads(StringBuilder page, IReadOnlyList<RunData> runs, string kind = "")
    {
        for (int i = 0; i < runs.Count; i++)
        {
            page.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\" class=\"{kind}\"><span class=\"key s{i % Colors}\"></span>{Html.Name(runs[i].Name)}</th>");
        }
    }
}
