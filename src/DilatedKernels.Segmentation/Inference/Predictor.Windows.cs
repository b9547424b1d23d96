using System.Globalization;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Inference;

public sealed partial class Predictor
{
    /// <summary>
    /// The overlap, in pixels, from which windows with <see cref="WindowBlending.Cut"/> give the prediction of the whole image but for rounding: no pixel is then taken from
    /// nearer to a window's border than the network sees.
    /// </summary>
    public int ExactOverlap => _model.ReceptiveField + (2 * (_grid + _model.Stride));

    private bool IsWindowed(RgbImage image) => _window is { } window && Math.Max(image.Width, image.Height) > window.Size;

    private void CheckWindow()
    {
        if (_window is not { } window)
        {
            return;
        }

        if (_model.Crf is not null)
        {
            throw new UserInputException($"{_model.Config.Name} ends with a CRF that connects all pixels of an image; windows (--window) would cut it.");
        }

        if (window.Size - window.Overlap < _grid)
        {
            throw new UserInputException(string.Create(
                CultureInfo.InvariantCulture,
                $"Windows of {window.Size} pixels that overlap by {window.Overlap} move on by {window.Size - window.Overlap}, but {_model.Config.Name} needs {_grid} or more, the pixels of its coarsest cell: larger windows (--window) or less overlap (--overlap)."));
        }
    }

    /// <summary>
    /// Shows probabilities <c>[height, W, C]</c>, a few rows of the image at a time from the top, each row once. What is held is a window's maps and as many rows as a
    /// window has.
    /// </summary>
    private void ForWindowRows(RgbImage image, Action<float[], int, int> show, CancellationToken cancellation, IProgress<PredictionProgress>? progress)
    {
        int classes = _model.Config.Classes;
        IReadOnlyList<(int Start, float[] Weights)> rows = _window!.Along(image.Height, _grid);
        IReadOnlyList<(int Start, float[] Weights)> columns = _window.Along(image.Width, _grid);
        int rowLength = image.Width * classes;
        float[] band = new float[checked(rows[0].Weights.Length * rowLength)];
        int windows = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            (int top, float[] down) = rows[i];
            foreach ((int left, float[] across) in columns)
            {
                cancellation.ThrowIfCancellationRequested();
                var part = new Region(top, left, down.Length, across.Length);
                Explaining(image, () => ForBands(
                    image, part, normalize: true, (probabilities, first, height) => AddWeighted(probabilities, first, height, down, across, left, band, rowLength), cancellation, progress: null));
                progress?.Report(new PredictionProgress(++windows, rows.Count * columns.Count));
            }

            // The next windows add to the rows from their first on.
            int done = (i + 1 < rows.Count ? rows[i + 1].Start : image.Height) - top;
            show(band, top, done);
            int kept = band.Length - (done * rowLength);
            if (i + 1 < rows.Count)
            {
                Array.Copy(band, done * rowLength, band, 0, kept);
                Array.Clear(band, kept, band.Length - kept);
            }
        }
    }

    private static void AddWeighted(Tensor probabilities, int first, int height, float[] down, float[] across, int left, float[] band, int rowLength)
    {
        float[] values = probabilities.ToChannelsLast();
        int classes = probabilities.Shape.C;
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < across.Length && down[first + y] > 0; x++)
            {
                float weight = down[first + y] * across[x];
                if (weight == 0)
                {
                    continue;
                }

                ReadOnlySpan<float> pixel = values.AsSpan(((y * probabilities.Shape.W) + x) * classes, classes);
                Span<float> target = band.AsSpan(((first + y) * rowLength) + ((left + x) * classes), classes);
                for (int c = 0; c < pixel.Length; c++)
                {
                    target[c] += weight * pixel[c];
                }
            }
        }
    }
}
