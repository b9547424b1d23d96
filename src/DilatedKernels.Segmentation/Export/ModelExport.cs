using DilatedKernels.Segmentation.Export.Onnx;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Export;

/// <summary>Networks in files for other programs.</summary>
public static class ModelExport
{
    /// <summary>Writes a safetensors file with this library's names: a checkpoint without what an optimizer remembers.</summary>
    /// <param name="path">The file, replaced if it exists once the new one is complete.</param>
    /// <param name="model">The network.</param>
    /// <param name="cancellation">Nothing is left behind then.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void ToSafetensors(string path, SegmentationModel model, CancellationToken cancellation = default) => ModelFile.Save(path, model, cancellation: cancellation);

    /// <summary>
    /// Writes a safetensors file with torchvision's names for VGG-16 and its input: the convolutions as <c>features.N</c>, fc6 and fc7 as the matrices
    /// <c>classifier.0</c> and <c>classifier.3</c>, and the first layer converted to red, green, blue, each <c>(x / 255 − mean) / deviation</c>.
    /// Layers that torchvision's network does not have keep this library's names.
    /// </summary>
    /// <remarks>
    /// The conversion is exact but for one rounding of each weight where the first layer is not padded, or the network's mean is 255 times
    /// torchvision's; else the outputs of a padded first layer differ at the image's border. <see cref="WeightImport"/> reads the file.
    /// </remarks>
    /// <param name="path">The file, replaced if it exists once the new one is complete.</param>
    /// <param name="model">A network with a part from image to scores.</param>
    /// <param name="cancellation">Nothing is left behind then.</param>
    /// <exception cref="ArgumentException">The network is a context module alone.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void ToTorchvision(string path, SegmentationModel model, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        Dictionary<string, Tensor> values = model.Parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Value, StringComparer.Ordinal);
        const string Weight = ImportPlan.FirstLayer + ".weight";
        const string Bias = ImportPlan.FirstLayer + ".bias";
        if (!values.TryGetValue(Weight, out Tensor? first))
        {
            throw new ArgumentException($"{model.Config.Name} takes stored scores and has no {ImportPlan.FirstLayer}; torchvision's names are for networks that take images.", nameof(model));
        }

        (double[] weight, double[] bias) = PixelScale.Torchvision.FromOurs(first.ToArray(), values[Bias].ToArray(), model.Config.MeanBgr, model.Config.InputScale);
        IReadOnlyDictionary<string, string> names = new TorchNames(isTimm: false).Map([.. values.Keys]);
        SafetensorsWriter.Write(
            path,
            [.. values.Select(pair => SafetensorsTensor.FromFloats(names[pair.Key], Extents(pair.Key, pair.Value.Shape), () => pair.Key switch
            {
                Weight => Array.ConvertAll(weight, value => (float)value),
                Bias => Array.ConvertAll(bias, value => (float)value),
                _ => pair.Value.ToArray(),
            }))],
            // As PyTorch's own files have it.
            new Dictionary<string, string> { ["format"] = "pt" },
            cancellation);
    }

    /// <summary>
    /// Writes an ONNX model, opset 17, of any batch and image size: input <c>image [batch, 3, height, width]</c> as <see cref="SegmentationModel"/> takes it,
    /// float32, blue, green, red from 0 to 255 less the mean (<c>maps [batch, C, height, width]</c> for a context module alone); output <c>scores [batch, C, h, w]</c>, or <c>probabilities</c> of the same shape. The metadata say
    /// <c>classes</c>, <c>palette</c>, <c>mean</c> (JSON lists), <c>margin</c> (pixels to add at each side of an image) and <c>stride</c> (pixels from one output to the next).
    /// </summary>
    /// <param name="path">The file, replaced if it exists once the new one is complete.</param>
    /// <param name="model">The network.</param>
    /// <param name="probabilities">Whether to end with a softmax over the classes.</param>
    /// <param name="cancellation">Nothing is left behind then.</param>
    /// <exception cref="UserInputException">The network is larger than such a file can be, 2 GiB, or ends with a CRF; or the file cannot be written.</exception>
    public static void ToOnnx(string path, SegmentationModel model, bool probabilities = false, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(model);
        OnnxGraph graph = OnnxNetwork.Of(model, probabilities);
        AtomicFile.Write(path, stream =>
        {
            graph.WriteTo(stream);
            cancellation.ThrowIfCancellationRequested();
        });
    }

    private static int[] Extents(string parameter, Shape shape) =>
        parameter.EndsWith(".bias", StringComparison.Ordinal) ? [shape.C]
        : parameter is "fc6.weight" or "fc7.weight" ? [shape.N, shape.C * shape.H * shape.W]
        : [shape.N, shape.C, shape.H, shape.W];
}
