using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

/// <summary>A crop by definition: pads the whole image and mask, cuts a rectangle, flips it, then samples its labels.</summary>
internal sealed class PaddedCrop
{
    public PaddedCrop(Sample sample, CropPlan plan, long draw, CropOptions options, ClassSet classes)
    {
        RgbImage image = ImageFile.Read(sample.ImagePath);
        IndexMask mask = MaskFile.Read(sample.MaskPath!);
        (int top, int left, bool mirror) = plan.PlacementOf(draw, new Size2(image.Height, image.Width));
        // Wide enough for any crop: an image smaller than the crop lies somewhere inside it.
        int pad = Math.Max(options.Crop.Height, options.Crop.Width);
        List<int> rows = Around(image.Height, pad), columns = Around(image.Width, pad);
        int firstRow = pad + top - options.Margin, firstColumn = pad + left - options.Margin;
        List<(float[] Pixel, byte Label)[]> crop = [];
        for (int y = 0; y < options.Crop.Height; y++)
        {
            var row = new (float[] Pixel, byte Label)[options.Crop.Width];
            for (int x = 0; x < options.Crop.Width; x++)
            {
                int r = firstRow + y, c = firstColumn + x;
                int pixel = (rows[r] * image.Width) + columns[c];
                bool real = r >= pad && r < pad + image.Height && c >= pad && c < pad + image.Width;
                byte[] rgb = image.Pixels.AsSpan(3 * pixel, 3).ToArray();
                row[x] = ([(float)(rgb[2] - classes.MeanBgr.B), (float)(rgb[1] - classes.MeanBgr.G), (float)(rgb[0] - classes.MeanBgr.R)], real ? mask.Indices[pixel] : (byte)classes.VoidLabel);
            }

            crop.Add(mirror ? [.. row.Reverse()] : row);
        }

        Image = [.. crop.SelectMany(row => row).SelectMany(entry => entry.Pixel)];
        int step = options.Labels == LabelResolution.Full ? 1 : options.Stride;
        int lastRow = options.Crop.Height - options.Margin, lastColumn = options.Crop.Width - options.Margin;
        List<byte> labels = [];
        for (int y = options.Margin; y < lastRow; y += step)
        {
            for (int x = options.Margin; x < lastColumn; x += step)
            {
                labels.Add(crop[y][x].Label);
            }
        }

        Labels = [.. labels];
    }

    public float[] Image { get; }

    public byte[] Labels { get; }

    /// <summary>The source of each position from −pad to length + pad − 1: outward from both edges, turning at each end.</summary>
    private static List<int> Around(int length, int pad)
    {
        List<int> inside = [.. Enumerable.Range(0, length)];
        if (length == 1)
        {
            return [.. Enumerable.Repeat(0, (2 * pad) + 1)];
        }

        List<int> all = [.. inside];
        for (int k = 0; k < pad; k++)
        {
            // The pixel k + 1 beyond the right edge equals the one k + 1 before it, which by then exists; likewise on the left.
            all.Insert(0, all[(2 * k) + 1]);
            all.Add(all[^((2 * k) + 2)]);
        }

        return all;
    }
}
