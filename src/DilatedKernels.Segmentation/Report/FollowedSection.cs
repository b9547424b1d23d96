using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Report;

/// <summary>How the predictions of a few images changed from validation to validation: a slider, or played.</summary>
internal static class FollowedSection
{
    /// <summary>Bytes of pictures at most: the images past it are left out.</summary>
    public const int MostBytes = 4 << 20;

    public static void Append(StringBuilder page, RunData run)
    {
        IReadOnlyList<long> steps = FollowedImages.Steps(run.ValidationFolder);
        if (steps.Count == 0 || FollowedImages.Read(run.ValidationFolder) is not { Count: > 0 } names)
        {
            return;
        }

        var figures = new StringBuilder();
        long bytes = 0;
        int shown = 0;
        for (int i = 0; i < names.Count; i++)
        {
            string figure = Figure(run, i, names[i], steps);
            bytes += figure.Length;
            if (bytes > MostBytes)
            {
                break;
            }

            shown += figure.Length > 0 ? 1 : 0;
            figures.Append(figure);
        }

        if (shown == 0)
        {
            return;
        }

        string[] texts = [.. steps.Select(step => Text(run, step))];
        page.Append(CultureInfo.InvariantCulture, $"""
            <section aria-labelledby="followed"><h2 id="followed">Predictions over the training</h2>
            <p>{(shown == 1 ? "The same image" : $"The same {shown} images")} after {(steps.Count == 1 ? "the validation" : $"{steps.Count} validations")}. <span class="muted">Where there are more than {FollowedImages.MostSteps}, every other is dropped.</span></p>
            <div class="player"><button type="button" id="step-play">Play</button><label for="step" class="hidden">Validation</label><input type="range" id="step" min="1" max="{steps.Count}" value="{steps.Count}" data-texts="{string.Join('|', texts)}"><output for="step" id="step-value">{texts[^1]}</output></div>

            """);
        page.Append(figures).Append("</section>\n");
    }

    private static string Text(RunData run, long step)
    {
        string score = run.Rows.Where(row => (long)row.Step == step && row.MeanIoU is not null).Select(row => $", mean IoU {Html.Percent(row.MeanIoU)} %").FirstOrDefault("");
        return $"step {Html.Count(step)}{score}";
    }

    // Empty where its files have gone, as when the run chooses other images meanwhile.
    private static string Figure(RunData run, int index, string imageName, IReadOnlyList<long> steps)
    {
        string images = FollowedImages.ImagesIn(run.ValidationFolder);
        string imagePath = Path.Combine(images, FollowedImages.FileOf(index, "image"));
        string truthPath = Path.Combine(images, FollowedImages.FileOf(index, "truth"));
        if (!File.Exists(imagePath) || !File.Exists(truthPath))
        {
            return "";
        }

        string name = Html.Text(imageName);
        RgbImage image = ImageFile.Read(imagePath);
        var figure = new StringBuilder();
        figure.Append(CultureInfo.InvariantCulture, $"""
            <figure class="example"><figcaption>{Html.Name(imageName)}</figcaption>
            <div class="tiles" style="--ratio:{image.Width}/{image.Height};--image:url({Html.Data(PngWriter.Encode(image))})"><div class="tile"><div class="stack" role="img" aria-label="{name}: image"></div><span>Image</span></div><div class="tile"><div class="stack"><img class="mask" src="{Mask(truthPath)}" alt="{name}: truth"></div><span>Truth</span></div><div class="tile"><div class="stack">
            """);
        for (int i = 0; i < steps.Count; i++)
        {
            string path = Path.Combine(FollowedImages.FolderOf(run.ValidationFolder, steps[i]), FollowedImages.FileOf(index, "prediction"));
            if (File.Exists(path))
            {
                figure.Append(CultureInfo.InvariantCulture, $"<img class=\"mask frame\" data-at=\"{i}\" src=\"{Mask(path)}\" alt=\"{name}: prediction after step {steps[i]}\"{(i + 1 < steps.Count ? " hidden" : "")}>");
            }
        }

        return figure.Append("</div><span>Prediction</span></div></div></figure>\n").ToString();

        // Written anew, and not as it is found: a page embeds what it has understood.
        string Mask(string path)
        {
            IndexMask mask = MaskFile.Read(path);
            return mask.Width == image.Width && mask.Height == image.Height
                ? Html.Data(PngWriter.Encode(mask, run.Validation!.Palette))
                : throw new UserInputException($"{path} is {mask.Width}×{mask.Height}, but its image is {image.Width}×{image.Height}; delete the folder {run.ValidationFolder}, or let the run validate again.");
        }
    }
}
