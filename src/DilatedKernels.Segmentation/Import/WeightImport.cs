using System.Globalization;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Import;

/// <summary>
/// Published weights in networks of ours: VGG-16 from safetensors with torchvision's or timm's names and from Caffe, and the Caffe networks of Yu
/// and Koltun (front end, context module, or both) by their own layers' names.
/// </summary>
/// <remarks>
/// Fully connected layers become convolutions, and a first layer that expects normalised red, green, blue is converted to blue, green, red from 0 to
/// 255 less the network's mean: exactly, unless that layer is padded and the means differ, which the report then notes. Caffe's
/// networks expect what ours do; which mean they were trained with is not in the file.
/// The layers from the image up to fc7 come from the files as a whole. The last layer and the context module may be absent, as they are from
/// classifiers: they start as in training from scratch.
/// </remarks>
public static class WeightImport
{
    /// <summary>The mean (blue, green, red, 0 to 255) that a file's weights were trained with, where its layers' names or, in a checkpoint of ours, its metadata tell; null otherwise.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="UserInputException">It is neither safetensors nor a Caffe network, or a damaged one.</exception>
    /// <exception cref="IOException">The file cannot be read, or is a damaged safetensors file.</exception>
    public static IReadOnlyList<double>? MeanOf(string path)
    {
        using WeightSource source = WeightSource.Open(path);
        return source.Names.MeanBgr;
    }

    /// <summary>Builds a network with weights from files. Everything that can be refused is refused before the network's memory is taken.</summary>
    /// <param name="paths">One file or several, such as a front end's and a context module's.</param>
    /// <param name="config">The network.</param>
    /// <param name="device">Where to put the parameters.</param>
    /// <param name="report">What was loaded, skipped, reshaped, initialised.</param>
    /// <param name="fresh">Layers to leave at their initial values whatever the files have, such as <c>final</c>; null for none.</param>
    /// <param name="seed">Names the random numbers of the layers that are not loaded.</param>
    /// <exception cref="ArgumentException">The configuration is wrong; the message says where.</exception>
    /// <exception cref="UserInputException">
    /// A file is of no kind that can be read, or damaged; an array is missing, is of the wrong shape, is in two files, has no place in the network, was trained on pixels of another
    /// scale, or holds a value that is not finite; there is no layer of a name in <paramref name="fresh"/>. The message names it.
    /// </exception>
    /// <exception cref="IOException">A file cannot be read, or is a damaged safetensors file.</exception>
    public static SegmentationModel Load(
        IReadOnlyList<string> paths, ModelConfig config, Device device, out ImportReport report, IReadOnlyCollection<string>? fresh = null, ulong seed = 1)
    {
        ArgumentNullException.ThrowIfNull(paths);
        ArgumentNullException.ThrowIfNull(config);
        var layers = new Architecture(config).Layers;
        var sources = new List<WeightSource>();
        try
        {
            foreach (string path in paths)
            {
                sources.Add(WeightSource.Open(path));
            }

            ImportPlan plan = ImportPlan.Make(sources, config.Name, [.. layers.SelectMany(layer => layer.Parameters)], fresh ?? []);
            CheckScale(plan, config);
            SegmentationModel model = SegmentationModel.Create(device, config, seed);
            try
            {
                Fill(model, plan);
            }
            catch
            {
                model.Dispose();
                throw;
            }

            bool isPadded = layers.FirstOrDefault(layer => layer.Name == ImportPlan.FirstLayer) is { Padding: > 0 };
            report = plan.Report(isPadded, config.MeanBgr);
            return model;
        }
        finally
        {
            sources.ForEach(source => source.Dispose());
        }
    }

    private static void CheckScale(ImportPlan plan, ModelConfig config)
    {
        PlannedTensor? other = plan.Loaded.FirstOrDefault(
            tensor => tensor.Parameter.StartsWith(ImportPlan.FirstLayer + ".", StringComparison.Ordinal) && tensor.Source.Names.InputScale is { } scale && scale != config.InputScale);
        if (other is not null)
        {
            throw new UserInputException(string.Create(
                CultureInfo.InvariantCulture,
                $"{other.Source.FilePath}: the network multiplies its image by {other.Source.Names.InputScale}, and {config.Name} by {config.InputScale}. Train from it with --weights, which keeps that, or import what dilated export --format torchvision makes of it."));
        }
    }

    private static void Fill(SegmentationModel model, ImportPlan plan)
    {
        Dictionary<string, Parameter> parameters = model.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        foreach (PlannedTensor planned in plan.Loaded)
        {
            float[] values = Read(planned);
            if (planned.Pixels is { } pixels)
            {
                PlannedTensor other = plan.Loaded.Single(tensor => tensor != planned && tensor.Pixels is not null);
                bool isWeight = planned.Parameter.EndsWith(".weight", StringComparison.Ordinal);
                float[] otherValues = Read(other);
                (double[] weight, double[] bias) = pixels.ToOurs(isWeight ? values : otherValues, isWeight ? otherValues : values, model.Config.MeanBgr, model.Config.InputScale);
                values = Array.ConvertAll(isWeight ? weight : bias, value => (float)value);
            }

            parameters[planned.Parameter].Value.SetArray(values);
        }
    }

    private static float[] Read(PlannedTensor planned)
    {
        float[] values = planned.Source.Read(planned.Tensor);
        int wrong = Array.FindIndex(values, value => !float.IsFinite(value));
        return wrong < 0
            ? values
            : throw new UserInputException($"{planned.Source.FilePath}: '{planned.Tensor.Name}' holds {values[wrong]} at index {wrong}; weights are finite numbers.");
    }
}
