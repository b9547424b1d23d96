using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// The front end's score maps of a split on disk, one safetensors file an image, each with its labels at the network's
/// stride. A mirrored image has a map of its own, because pooling does not commute with mirroring.
/// </summary>
internal sealed class ScoreMapStore(string folder)
{
    private const string ScoresName = "scores";
    private const string LabelsName = "labels";

    /// <summary>The scores <c>[h][w][C]</c> and labels <c>[h][w]</c> of one image.</summary>
    public sealed record Entry(int Height, int Width, int Channels, float[] Scores, int LabelHeight, int LabelWidth, byte[] Labels);

    /// <summary>Computes the maps that are not there yet, or are damaged. Of a group, each process computes every Size-th, and all wait until every map is there; they share the folder.</summary>
    public void Fill(
        Predictor predictor, IReadOnlyList<Sample> samples, ClassSet classes, int stride, LabelResolution resolution, bool mirror,
        Action<int, int>? onImage, Ending ending, ProcessGroup? group)
    {
        using (Watchdog.Suspend())
        {
            Directory.CreateDirectory(folder);
        }

        int variants = mirror ? 2 : 1;
        int count = samples.Count * variants;
        (int rank, int size) = (group?.Rank ?? 0, group?.Size ?? 1);
        for (int first = 0; first < count; first += size)
        {
            ending.ThrowIfDue();
            int i = first + rank;
            bool flipped = i % variants == 1;
            if (i < count && PathOf(i / variants, flipped) is var path && !IsWhole(path))
            {
                Sample sample = samples[i / variants];
                RgbImage image = ImageFile.Read(sample.ImagePath);
                IndexMask mask = SampleReader.ReadMask(sample);
                if (flipped)
                {
                    (image, mask) = (image.Mirror(), mask.Mirror());
                }

                Save(path, predictor, image, mask, classes, stride, resolution, ending.Token);
            }

            onImage?.Invoke(Math.Min(first + size, count), count);
        }

        group?.Barrier();
    }

    public Entry Load(int sample, bool mirrored)
    {
        string path = PathOf(sample, mirrored);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        (int[] shape, float[] scores) = file.Read(ScoresName);
        (int[] labelShape, byte[] labels) = file.ReadUInt8(LabelsName);
        return new Entry(shape[0], shape[1], shape[2], scores, labelShape[0], labelShape[1], labels);
    }

    /// <summary>Cells of an image's map.</summary>
    public Size2 SizeOf(int sample)
    {
        using SafetensorsFile file = SafetensorsFile.Open(PathOf(sample, mirrored: false));
        IReadOnlyList<int> shape = file.ShapeOf(ScoresName);
        return new Size2(shape[0], shape[1]);
    }

    private static bool IsWhole(string path)
    {
        using IDisposable suspension = Watchdog.Suspend();
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            file.Verify();
            return true;
        }
        catch (SafetensorsException)
        {
            return false;
        }
    }

    private static void Save(
        string path, Predictor predictor, RgbImage image, IndexMask mask, ClassSet classes, int stride, LabelResolution resolution, CancellationToken cancellation)
    {
        using Tape tape = Tape.Inference(cancellation);
        Tensor scores = predictor.FrontEndScores(image, 0, cancellation);
        int step = resolution == LabelResolution.Full ? 1 : stride;
        int rows = scores.Shape.H * stride / step;
        int columns = scores.Shape.W * stride / step;
        byte[] labels = new byte[rows * columns];
        for (int y = 0; y < rows; y++)
        {
            for (int x = 0; x < columns; x++)
            {
                bool inside = y * step < mask.Height && x * step < mask.Width;
                labels[(y * columns) + x] = inside ? mask.Indices[(y * step * mask.Width) + (x * step)] : (byte)classes.VoidLabel;
            }
        }

        SafetensorsWriter.Write(
            path,
            [
                SafetensorsTensor.FromFloats(ScoresName, [scores.Shape.H, scores.Shape.W, scores.Shape.C], () => scores.ToChannelsLast()),
                SafetensorsTensor.FromBytes(LabelsName, [rows, columns], labels),
            ],
            cancellation: cancellation);
    }

    private string PathOf(int sample, bool mirrored) => Path.Combine(folder, $"{sample:D6}{(mirrored ? "-mirrored" : "")}.safetensors");
}
