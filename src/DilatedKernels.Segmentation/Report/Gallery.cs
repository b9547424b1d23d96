using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Report;

/// <summary>The worst images of a validation: image, truth, prediction and errors, the masks over the image as strongly as a slider says.</summary>
internal static class Gallery
{
    /// <summary>Bytes of pictures in a page at most: what is past it is left out.</summary>
    public const int MostBytes = 12 << 20;

    private static readonly Palette s_errors = new([(16, 20, 26), (255, 92, 53), (128, 136, 146)]);
    private static readonly (string Kind, string Title)[] s_masks = [("truth", "Truth"), ("prediction", "Prediction"), ("errors", "Errors")];

    public static void Append(StringBuilder page, RunData run)
    {
        KeptValidation validation = run.Validation!;
        page.Append("<section aria-labelledby=\"gallery\"><h2 id=\"gallery\">Worst images</h2>\n");
        var shown = new List<(KeptPicture Picture, Pictures Files)>();
        long bytes = 0;
        foreach (KeptPicture picture in validation.Pictures)
        {
            Pictures? files = Pictures.Read(run.ValidationFolder, picture, validation);
            bytes += files?.Bytes ?? 0;
            if (files is not null && bytes <= MostBytes)
            {
                shown.Add((picture, files));
            }
        }

        if (shown.Count == 0)
        {
            page.Append("<p class=\"note\">No pictures were kept.</p></section>\n");
            return;
        }

        page.Append(CultureInfo.InvariantCulture, $"""
            <p>{(shown.Count == 1 ? "The image" : $"The {shown.Count} images")} with the largest share of wrong pixels, of {Html.Count(validation.Images)} scored at step {Html.Count(validation.Step)}.
            <span class="muted">A report shows at most {ValidationPictures.Most}, reduced to {ValidationPictures.LongestSide} pixels a side, and {MostBytes >> 20} MiB in all.</span></p>
            <div class="controls"><label for="opacity">Mask opacity</label><input type="range" id="opacity" min="0" max="100" value="65" step="5"><output for="opacity" id="opacity-value">65 %</output></div>
            <ul class="key"><li><i class="swatch" style="background:{Html.Color(s_errors[0])}"></i>right</li><li><i class="swatch" style="background:{Html.Color(s_errors[1])}"></i>wrong</li><li><i class="swatch" style="background:{Html.Color(s_errors[2])}"></i>void, not counted</li></ul>

            """);
        foreach ((KeptPicture picture, Pictures files) in shown)
        {
            Figure(page, picture, files);
        }

        page.Append("</section>\n");
    }

    private static void Figure(StringBuilder page, KeptPicture picture, Pictures files)
    {
        string name = Html.Text(picture.Name);
        page.Append(CultureInfo.InvariantCulture, $"<figure class=\"example\"><figcaption>{Html.Name(picture.Name)}<span class=\"n\">{Html.Percent(picture.Errors)} % wrong</span></figcaption>\n");
        // The image once, behind all four tiles.
        page.Append(CultureInfo.InvariantCulture, $"<div class=\"tiles\" style=\"--ratio:{files.Width}/{files.Height};--image:url({Html.Data(files.Image)})\">");
        page.Append(CultureInfo.InvariantCulture, $"<div class=\"tile\"><div class=\"stack\" role=\"img\" aria-label=\"{name}: image\"></div><span>Image</span></div>");
        foreach ((string kind, string title) in s_masks)
        {
            byte[] mask = kind switch
            {
                "truth" => files.Truth,
                "prediction" => files.Prediction,
                _ => files.Errors,
            };
            page.Append(CultureInfo.InvariantCulture, $"<div class=\"tile\"><div class=\"stack\"><img class=\"mask\" src=\"{Html.Data(mask)}\" alt=\"{name}: {kind}\"></div><span>{title}</span></div>");
        }

        page.Append("</div></figure>\n");
    }

    private sealed record Pictures(int Width, int Height, byte[] Image, byte[] Truth, byte[] Prediction, byte[] Errors)
    {
        public long Bytes => 4L * (Image.Length + Truth.Length + Prediction.Length + Errors.Length) / 3;

        /// <summary>Reads a kept image; null where its files have gone, as when the run writes its next validation.</summary>
        /// <exception cref="UserInputException">A file is damaged.</exception>
        public static Pictures? Read(string folder, KeptPicture picture, KeptValidation validation)
        {
            string[] paths = [.. ValidationPictures.Kinds.Select(kind => Path.Combine(folder, picture.FileOf(kind)))];
            try
            {
                RgbImage image = ImageFile.Read(paths[0]);
                IndexMask truth = MaskFile.Read(paths[1]);
                IndexMask prediction = MaskFile.Read(paths[2]);
                if (truth.Width != image.Width || truth.Height != image.Height || prediction.Width != image.Width || prediction.Height != image.Height)
                {
                    throw new UserInputException($"The pictures of {picture.Name} in {folder} are not of one size; delete the folder, or let the run validate again.");
                }

                IndexMask errors = new(image.Width, image.Height, [.. truth.Indices.Zip(prediction.Indices, (t, p) => (byte)(t == validation.VoidLabel ? 2 : t == p ? 0 : 1))]);
                // Written anew, and not as they are found: a page embeds what it has understood.
                return new Pictures(
                    image.Width, image.Height, PngWriter.Encode(image), PngWriter.Encode(truth, validation.Palette), PngWriter.Encode(prediction, validation.Palette), PngWriter.Encode(errors, s_errors));
            }
            catch (UserInputException) when (paths.Any(path => !File.Exists(path)))
            {
                return null;
            }
        }
    }
}
