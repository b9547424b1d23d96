using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Metrics;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Report;

/// <summary>Per-class IoU and the confusion matrix of a validation.</summary>
internal static class ClassTables
{
    private const int MostClasses = 64;

    public static void Scores(StringBuilder page, KeptValidation validation)
    {
        ConfusionMatrix matrix = validation.Matrix;
        page.Append("<section aria-labelledby=\"classes\"><h2 id=\"classes\">Classes</h2>\n<table class=\"scores\"><thead><tr><th scope=\"col\">Class</th><th scope=\"col\" class=\"bar\"><span class=\"hidden\">IoU as a bar</span></th><th scope=\"col\" class=\"n\">IoU, %</th><th scope=\"col\" class=\"n\">pixels, %</th></tr></thead><tbody>\n");
        for (int c = 0; c < matrix.Classes; c++)
        {
            double iou = matrix.IoU(c);
            long truth = Enumerable.Range(0, matrix.Classes).Sum(p => matrix[c, p]);
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Swatch(validation, c)}{Html.Name(validation.Classes[c])}</th><td class=\"bar\">");
            if (double.IsFinite(iou))
            {
                page.Append(CultureInfo.InvariantCulture, $"<span style=\"width:{100 * iou:F1}%\"></span>");
            }

            page.Append(CultureInfo.InvariantCulture, $"</td><td class=\"n\">{Html.Percent(iou)}</td><td class=\"n muted\">{Html.Percent(matrix.Total == 0 ? double.NaN : (double)truth / matrix.Total)}</td></tr>\n");
        }

        page.Append(CultureInfo.InvariantCulture, $"</tbody><tfoot><tr><th scope=\"row\">mean</th><td class=\"bar\"></td><td class=\"n\">{Html.Percent(matrix.MeanIoU)}</td><td></td></tr></tfoot></table>\n");
        page.Append(matrix.AbsentClasses.Count > 0 ? "<p class=\"note\">A dash: the class is neither in the labels nor predicted; it does not count for the mean.</p>" : "");
        page.Append("</section>\n");
    }

    public static void Confusion(StringBuilder page, KeptValidation validation)
    {
        ConfusionMatrix matrix = validation.Matrix;
        page.Append("<section aria-labelledby=\"confusion\"><h2 id=\"confusion\">Confusion</h2>\n");
        if (matrix.Classes > MostClasses)
        {
            page.Append(CultureInfo.InvariantCulture, $"<p class=\"note\">{matrix.Classes} classes are too many for a table on a page; the counts are in validation/{KeptValidation.FileName}.</p></section>\n");
            return;
        }

        page.Append("""
            <fieldset class="choice"><legend class="hidden">Numbers in the confusion matrix</legend>
            <label><input type="radio" name="confusion" id="as-shares" checked> % of the true class</label>
            <label><input type="radio" name="confusion" id="as-counts"> pixels</label></fieldset>
            <div class="scroll" tabindex="0" role="region" aria-labelledby="confusion"><table class="confusion"><thead><tr><th scope="col" class="corner">true \ predicted</th>
            """);
        for (int p = 0; p < matrix.Classes; p++)
        {
            page.Append(CultureInfo.InvariantCulture, $"<th scope=\"col\"><span>{Swatch(validation, p)}{Html.Name(validation.Classes[p])}</span></th>");
        }

        page.Append("</tr></thead><tbody>\n");
        for (int t = 0; t < matrix.Classes; t++)
        {
            long truth = Enumerable.Range(0, matrix.Classes).Sum(p => matrix[t, p]);
            page.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{Swatch(validation, t)}{Html.Name(validation.Classes[t])}</th>");
            for (int p = 0; p < matrix.Classes; p++)
            {
                double share = truth == 0 ? double.NaN : (double)matrix[t, p] / truth;
                double heat = double.IsFinite(share) ? share : 0;
                string kind = $"{(matrix[t, p] == 0 ? "zero" : "")}{(t == p ? " right" : "")}".Trim();
                page.Append(CultureInfo.InvariantCulture, $"<td class=\"{kind}\" style=\"--v:{heat:F3}\"><span class=\"share\">{(share == 0 ? "0" : Html.Percent(share))}</span><span class=\"count\">{Html.Count(matrix[t, p])}</span></td>");
            }

            page.Append("</tr>\n");
        }

        page.Append("</tbody></table></div></section>\n");
    }

    public static string Swatch(KeptValidation validation, int label) => label < validation.Palette.Count
        ? $"<i class=\"swatch\" style=\"background:{Html.Color(validation.Palette[label])}\"></i>"
        : "";
}
