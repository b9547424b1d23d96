using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>
/// Segments images of any size. The front end has no padding, so it runs on tiles of the reflection-padded image that give
/// the scores of the whole image: the same bits where convolutions are <see cref="ConvolutionAlgorithm.Direct"/>, otherwise but for their rounding; the context module then sees the whole score map, without seams. An FCN and DeepLab pad their maps, and see the
/// image whole.
/// Probabilities at the network's stride are interpolated bilinearly to full resolution (output pixel 8·i equals cell i),
/// then the most probable class wins (Yu and Koltun 2016, the released predict code); with DeepLab the scores are interpolated (Chen et al. 2015), as they are
/// before a CRF that was trained with the network. An FCN's scores are as fine as the image. With <see cref="PredictionViews"/> the most probable class by the
/// mean of the views' probabilities wins: each size's and its mirror image's added, interpolated bilinearly to the image's size, and added, the smallest size first. With a
/// <see cref="SlidingWindow"/> an image that is larger is seen in parts, whose probabilities are added with weights; each is a prediction of its own, but that an unpadded
/// front end sees what lies around it.
/// </summary>
/// <remarks>
/// Several threads may predict with one predictor, or with several of one model, at once; each gets the bits that it would get alone. While another thread
/// trains the model (<see cref="DilatedKernels.Optim.RecordedStep.Run"/>, <see cref="DilatedKernels.Optim.Optimizer.Step(float)"/>), a prediction, and beside a prediction a training step, throws
/// <see cref="InvalidOperationException"/>.
/// </remarks>
public sealed partial class Predictor
{
    private const int BandCells = 16;

    private readonly SegmentationModel _model;
    private readonly (double B, double G, double R) _mean;
    private readonly int _tileCells;
    private readonly PredictionViews _views;
    private readonly SlidingWindow? _window;
    private readonly int _grid;

    /// <summary>Prepares a model for prediction; the model is not owned.</summary>
    /// <param name="model">A model with a part from image to scores.</param>
    /// <param name="tileCells">Cells along the side of a front end's tile, 1 or more. 66 is the paper's 900-pixel tile.</param>
    /// <param name="views">The views of an image to average the probabilities over; null is the image alone.</param>
    /// <param name="window">Windows to see an image through, whose probabilities are blended, so that the memory for it depends on them; null is the image whole.</param>
    /// <exception cref="UserInputException">The model has no front end, a context module without padding, or a CRF of its own that windows would cut; or the windows do not move on by a cell.</exception>
    public Predictor(SegmentationModel model, int tileCells = 66, PredictionViews? views = null, SlidingWindow? window = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(tileCells, 1);
        if (model.FrontEnd is null || model.Config.Context?.Padding == ContextPadding.None)
        {
            throw new UserInputException($"The network {model.Config.Name} cannot segment images: it has no front end, or its context module is not padded and makes fewer scores than there are cells.");
        }

        _model = model;
        _mean = (model.Config.MeanBgr[0], model.Config.MeanBgr[1], model.Config.MeanBgr[2]);
        _tileCells = tileCells;
        _views = views ?? PredictionViews.Plain;
        _window = window;
        _grid = new Architecture(model.Config).Nodes.Max(node => node.Placement.Jump);
        CheckWindow();
    }

    /// <summary>The class of every pixel.</summary>
    /// <param name="image">An image of any size from 1×1.</param>
    /// <param name="progress">Told after each window, or tile of the front end, or view, how many are done and how many there are; of a network that sees the image whole there are none.</param>
    /// <param name="cancellation">Checked between layers and tiles.</param>
    /// <exception cref="UserInputException">The image is too large for a scale of the views.</exception>
    public IndexMask Predict(RgbImage image, IProgress<PredictionProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!_views.IsPlain)
        {
            return Average(image, cancellation, progress).ArgMax();
        }

        byte[] indices = new byte[image.Width * image.Height];
        if (IsWindowed(image))
        {
            ForWindowRows(image, (rows, top, height) => ArgMax(rows, image.Width, _model.Config.Classes, top, height, indices, image.Width), cancellation, progress);
            return new IndexMask(image.Width, image.Height, indices);
        }

        Explaining(image, () => ForBands(
            image, Whole(image), normalize: false,
            (scores, top, height) => ArgMax(scores.ToChannelsLast(), scores.Shape.W, scores.Shape.C, top, height, indices, image.Width), cancellation, progress));
        return new IndexMask(image.Width, image.Height, indices);
    }

    /// <summary>The probability of every class at every pixel, of which <see cref="Predict"/> takes the largest.</summary>
    /// <param name="image">An image of any size from 1×1; its pixels and classes must fit one array.</param>
    /// <param name="progress">As of <see cref="Predict"/>.</param>
    /// <param name="cancellation">Checked between layers and tiles.</param>
    /// <exception cref="UserInputException">The image is too large for a scale of the views.</exception>
    public ProbabilityMap Probabilities(RgbImage image, IProgress<PredictionProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!_views.IsPlain)
        {
            return Average(image, cancellation, progress);
        }

        float[] values = new float[checked(image.Width * image.Height * _model.Config.Classes)];
        AddProbabilities(image, mirrored: false, values, cancellation, progress);
        return new ProbabilityMap(image.Width, image.Height, _model.Config.Classes, values);
    }

    /// <summary>Adds an image's probabilities to a map of its size, or to that of its mirror image.</summary>
    private void AddProbabilities(RgbImage image, bool mirrored, float[] sum, CancellationToken cancellation, IProgress<PredictionProgress>? progress)
    {
        int classes = _model.Config.Classes;
        if (IsWindowed(image))
        {
            ForWindowRows(image, (rows, top, height) => Add(rows, image.Width, top, height), cancellation, progress);
            return;
        }

        Explaining(image, () => ForBands(
            image, Whole(image), normalize: true, (probabilities, top, height) => Add(probabilities.ToChannelsLast(), probabilities.Shape.W, top, height), cancellation, progress));

        void Add(float[] band, int rowWidth, int top, int height)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < image.Width; x++)
                {
                    ReadOnlySpan<float> pixel = band.AsSpan(((y * rowWidth) + x) * classes, classes);
                    Span<float> target = sum.AsSpan((((top + y) * image.Width) + (mirrored ? image.Width - 1 - x : x)) * classes, classes);
                    for (int c = 0; c < pixel.Length; c++)
                    {
                        target[c] += pixel[c];
                    }
                }
            }
        }
    }

    /// <summary>The front end's score map <c>[1, C, ⌈H/stride⌉, ⌈W/stride⌉]</c> of the image as it is, before the softmax. It belongs to the current tape.</summary>
    /// <param name="image">An image of any size from 1×1.</param>
    /// <param name="extraCells">Cells to add at the bottom and right, over the reflected image.</param>
    /// <param name="cancellation">Checked between layers and tiles.</param>
    public Tensor FrontEndScores(RgbImage image, int extraCells = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        Tensor? scores = null;
        Explaining(image, () => scores = Scores(image, Whole(image), extraCells, cancellation, progress: null));
        return scores!;
    }

    internal static int CellsFor(int pixels, int stride) => (pixels + stride - 1) / stride;

    // Where the device has no memory left, the message says what would fit.
    private void Explaining(RgbImage image, Action predict)
    {
        using ParameterUse use = ParameterUse.Read(_model.Parameters);
        try
        {
            predict();
        }
        catch (Exception e) when (MemoryAdvice.IsFor(e))
        {
            int most = _window?.Size ?? int.MaxValue;
            var seen = new Size2(Math.Min(image.Height, most), Math.Min(image.Width, most));
            int cells = Math.Min(_tileCells, CellsFor(Math.Max(seen.Width, seen.Height), _model.Stride) + 1);
            throw MemoryAdvice.ForPrediction(e, _model, cells, seen, _model.Device.FreeBytes);
        }
    }

    private static Region Whole(RgbImage image) => new(0, 0, image.Height, image.Width);

    // Of a part of the image. What lies beyond it is the image's there, and its reflection past its borders.
    private Tensor Scores(RgbImage image, Region part, int extraCells, CancellationToken cancellation, IProgress<PredictionProgress>? progress)
    {
        Device device = _model.Device;
        int stride = _model.Stride;
        if (_model.IsPadded)
        {
            return WholeScores(image, part, new Size2(part.Height + (extraCells * stride), part.Width + (extraCells * stride)));
        }

        int margin = _model.Margin;
        int rows = CellsFor(part.Height, stride) + extraCells;
        int columns = CellsFor(part.Width, stride) + extraCells;
        int channels = _model.Config.Classes;
        int done = 0;
        int tiles = CellsFor(rows, _tileCells) * CellsFor(columns, _tileCells);
        float[]? map = null;

        for (int top = 0; top < rows; top += _tileCells)
        {
            for (int left = 0; left < columns; left += _tileCells)
            {
                cancellation.ThrowIfCancellationRequested();
                int height = Math.Min(_tileCells, rows - top);
                int width = Math.Min(_tileCells, columns - left);
                var inputSize = new Size2((height * stride) + (2 * margin), (width * stride) + (2 * margin));
                float[] input = new float[checked(inputSize.Height * inputSize.Width * 3)];
                ImageTensor.CopyWindow(image, _mean, part.Top + (top * stride) - margin, part.Left + (left * stride) - margin, inputSize, mirror: false, input);

                using Tensor x = Tensor.FromChannelsLast(device, new Shape(1, 3, inputSize.Height, inputSize.Width), input);
                Tensor tile = _model.FrontEnd!.Forward(x, ForwardContext.Inference);
                if (height == rows && width == columns)
                {
                    return tile;
                }

                map ??= new float[checked(rows * columns * channels)];
                CopyTile(tile, map, top, left, columns);
                progress?.Report(new PredictionProgress(++done, tiles));
            }
        }

        Tensor scores = Tensor.FromChannelsLast(device, new Shape(1, channels, rows, columns), map);
        Tape.Current?.Adopt(scores);
        return scores;
    }

    /// <summary>Pixels from the first to the cell that is at the last pixel or next after it: DeepLab's natural sizes, 8·k + 1.</summary>
    private static int ReachFor(int pixels, int stride) => (CellsFor(pixels - 1, stride) * stride) + 1;

    /// <summary>The scores of a part of the image, continued to a size at the bottom and right, in one piece.</summary>
    private Tensor WholeScores(RgbImage image, Region part, Size2 size)
    {
        float[] input = new float[checked(size.Height * size.Width * 3)];
        ImageTensor.CopyWindow(image, _mean, part.Top, part.Left, size, mirror: false, input);
        using Tensor x = Tensor.FromChannelsLast(_model.Device, new Shape(1, 3, size.Height, size.Width), input);
        return _model.FrontEnd!.Forward(x, ForwardContext.Inference);
    }

    private static void CopyTile(Tensor tile, float[] map, int top, int left, int columns)
    {
        float[] values = tile.ToChannelsLast();
        int rowLength = tile.Shape.W * tile.Shape.C;
        for (int y = 0; y < tile.Shape.H; y++)
        {
            Array.Copy(values, y * rowLength, map, (((top + y) * columns) + left) * tile.Shape.C, rowLength);
        }

        tile.Dispose();
    }

    /// <summary>
    /// Shows what decides the class of a part of the image at full resolution, a band of rows at a time, because it is many times the image. A network that enlarges its scores
    /// itself shows all of them at once. Where the scores are what decides, they are shown as such unless they are to be normalised.
    /// </summary>
    private void ForBands(RgbImage image, Region part, bool normalize, Action<Tensor, int, int> show, CancellationToken cancellation, IProgress<PredictionProgress>? progress)
    {
        using Tape tape = Tape.Inference(cancellation);
        // Interpolation needs a cell at the last pixel or past it: an unpadded network's cells stand for blocks that begin at theirs.
        Tensor scores = _model.IsPadded
            ? WholeScores(image, part, new Size2(ReachFor(part.Height, _model.Stride), ReachFor(part.Width, _model.Stride)))
            : Scores(image, part, extraCells: 1, cancellation, progress);
        if (_model.Context is { } context)
        {
            scores = context.Forward(scores, ForwardContext.Inference);
        }

        if (_model.Crf is not null)
        {
            float[] pixels = new float[checked(image.Height * image.Width * 3)];
            ImageTensor.CopyWindow(image, _mean, 0, 0, new Size2(image.Height, image.Width), mirror: false, pixels);
            using Tensor x = Tensor.FromChannelsLast(_model.Device, new Shape(1, 3, image.Height, image.Width), pixels);
            Tensor refined = _model.Refine(scores, x, ForwardContext.Inference);
            show(normalize ? Ops.Softmax(refined) : refined, 0, image.Height);
            return;
        }

        if (_model.OutputStride == 1)
        {
            Tensor full = _model.Config.UpsampleInNetwork ? Ops.BilinearDeconvolution(scores, _model.Stride) : scores;
            show(normalize ? Ops.Softmax(full) : full, 0, part.Height);
            return;
        }

        bool interpolatesScores = _model.Config.DeepLab is not null;
        Tensor maps = interpolatesScores ? scores : Ops.Softmax(scores);
        int band = BandCells * _model.Stride;
        for (int top = 0; top < part.Height; top += band)
        {
            cancellation.ThrowIfCancellationRequested();
            using Tape inner = Tape.Inference(cancellation);
            int height = Math.Min(band, part.Height - top);
            int first = top / _model.Stride;
            // The last row of cells is interpolated with the one below it.
            int rows = Math.Min(CellsFor(height, _model.Stride) + 1, maps.Shape.H - first);
            Tensor cells = Ops.Crop(maps, first, 0, rows, maps.Shape.W);
            Tensor full = Ops.UpsampleBilinear(cells, rows * _model.Stride, maps.Shape.W * _model.Stride, BilinearAlignment.CellOrigin);
            show(normalize && interpolatesScores ? Ops.Softmax(full) : full, top, height);
        }
    }

    private static void ArgMax(float[] values, int rowWidth, int channels, int top, int height, byte[] indices, int width)
    {
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                indices[((top + y) * width) + x] = ProbabilityMap.ArgMax(values.AsSpan(((y * rowWidth) + x) * channels, channels));
            }
        }
    }

    private readonly record struct Region(int Top, int Left, int Height, int Width);
}
