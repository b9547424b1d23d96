using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Report;

/// <summary>The page of one run.</summary>
internal static class RunReport
{
    public static string Page(RunData run)
    {
        var page = new StringBuilder();
        Header(page, run);
        page.Append("<main>\n");
        Sections.Curves(page, [run]);
        if (run.Validation is { } validation)
        {
            page.Append("<div class=\"columns\">\n");
            ClassTables.Scores(page, validation);
            Facts(page, run);
            page.Append("</div>\n");
            ClassTables.Confusion(page, validation);
            Gallery.Append(page, run);
            FollowedSection.Append(page, run);
        }
        else
        {
            page.Append("<p class=\"note\">No validation was made, so there are no scores of classes and no pictures.</p>\n");
            Facts(page, run);
        }

        FieldSection.Append(page, run);
        Configuration(page, run);
        page.Append("</main>\n");
        return ReportPage.Around($"{run.Name} – training report", page.ToString());
    }

    private static void Header(StringBuilder page, RunData run)
    {
        long done = Math.Max(run.Facts?.Steps ?? 0, run.LastStep);
        string state = done >= run.Config.Steps ? "complete"
            : run.Facts is { IsComplete: true } && !run.WentOn ? $"stopped early at step {Html.Count(done)} of {Html.Count(run.Config.Steps)}"
            : $"step {Html.Count(done)} of {Html.Count(run.Config.Steps)}";
        string dataset = Path.GetFileName(Path.TrimEndingDirectorySeparator(run.Config.Data));
        page.Append(CultureInfo.InvariantCulture, $"""
            <header><p class="kind">Training report</p><h1>{Html.Name(run.Name)}</h1>
            <p class="muted">{Html.Name(run.Config.Model.Name)} on {Html.Name(dataset)}, {state}</p>

            """);
        var cards = new List<string>();
        if (run.Validation is { } validation)
        {
            Card("Mean IoU", $"{Html.Percent(validation.Matrix.MeanIoU)}<small> %</small>", $"at step {Html.Count(validation.Step)}");
            Card("Pixel accuracy", $"{Html.Percent(validation.Matrix.PixelAccuracy)}<small> %</small>", $"{Html.Count(validation.Images)} images");
        }

        if (run.Best is { } best)
        {
            Card("Best mean IoU", $"{Html.Percent(best.MeanIoU)}<small> %</small>", $"at step {Html.Count((long)best.Step)}");
        }

        if (run.Rows.Count > 0)
        {
            int over = Math.Min(40, run.Rows.Count);
            Card("Loss", Html.Short(run.Rows.Skip(run.Rows.Count - over).Average(row => row.Loss)), over == 1 ? "of the last step" : $"mean of the last {over} steps");
        }

        if (run.Facts is { } facts)
        {
            Card("Time", Html.Duration(facts.Seconds), $"{Html.Text(facts.Device)}{(run.WentOn ? $", to step {Html.Count(facts.Steps)}" : "")}");
        }

        page.Append(cards.Count == 0 ? "" : $"<dl class=\"cards\" style=\"--n:{cards.Count}\">\n{string.Concat(cards)}</dl>").Append("</header>\n");

        void Card(string name, string value, string note) =>
            cards.Add($"<div><dt>{name}</dt><dd><b>{value}</b><span class=\"muted\">{note}</span></dd></div>\n");
    }

    private static void Facts(StringBuilder page, RunData run)
    {
        page.Append("<section aria-labelledby=\"facts\"><h2 id=\"facts\">Cost</h2>\n");
        if (run.Facts is null)
        {
            page.Append("<p class=\"note\">The run has not ended yet, or is of an earlier version: what it took is not known.</p></section>\n");
            return;
        }

        page.Append("<dl class=\"facts\">\n");
        foreach ((string name, string text) in Sections.Facts(run))
        {
            page.Append(CultureInfo.InvariantCulture, $"<div><dt>{name}</dt><dd>{Html.Text(text)}</dd></div>\n");
        }

        page.Append("</dl>\n");
        page.Append(run.WentOn ? $"<p class=\"note\">As it was at step {Html.Count(run.Facts.Steps)}, where the run was interrupted; it has gone on since.</p>\n" : "").Append("</section>\n");
    }

    private static void Configuration(StringBuilder page, RunData run)
    {
        page.Append("<section aria-labelledby=\"configuration\"><h2 id=\"configuration\">Configuration</h2>\n<details><summary>Every setting</summary><table class=\"settings\"><tbody>\n");
        foreach ((string key, string value) in ConfigSettings.Of(run.Config))
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Html.Text(key)}</th><td>{Html.Name(value)}</td></tr>\n");
        }

        page.Append("</tbody></table></details>\n<p class=\"note\">The same settings are in config.json; <code>dilated train --config</code> reads them.</p></section>\n");
    }
}
