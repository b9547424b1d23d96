using DilatedKernels.Segmentation.Crf;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The sizes and costs of a network, computed from its configuration alone: no tensor is made.</summary>
public sealed class ModelSummary
{
    private ModelSummary(ModelConfig config, Architecture architecture, Size2 input, int batch, IReadOnlyList<LayerSummary> layers)
    {
        Config = config;
        Input = new Shape(batch, architecture.InChannels, input.Height, input.Width);
        Layers = layers;
        ReceptiveField = layers[^1].ReceptiveField;
        Stride = architecture.Stride;
        OutputStride = config.UpsampleInNetwork ? 1 : architecture.Stride;
        Margin = architecture.Margin;
        Size2 size = layers[^1].Size;
        Output = new Shape(batch, architecture.OutChannels, size.Height, size.Width);
        CrfParameters = config.Crf is null ? 0 : architecture.Parameters.Sum(parameter => parameter.Shape.Count) - layers.Sum(layer => layer.Parameters);
        Parameters = layers.Sum(layer => layer.Parameters) + CrfParameters;
        Flops = layers.Sum(layer => layer.Flops);
        TrainingActivationBytes = layers.Sum(layer => layer.ActivationBytes);
        InferenceActivationBytes = PeakBytes(architecture, Input, layers);
        if (config.Crf is { } crf)
        {
            long pixels = (long)(input.Height - (2 * Margin)) * (input.Width - (2 * Margin));
            CrfInferenceBytes = CrfMemory.Prediction(crf, pixels);
            CrfTrainingBytes = CrfMemory.Training(crf, pixels, batch);
        }
    }

    /// <summary>The network.</summary>
    public ModelConfig Config { get; }

    /// <summary>The input, <c>[N, C, H, W]</c>.</summary>
    public Shape Input { get; }

    /// <summary>The scores, <c>[N, C, h, w]</c>.</summary>
    public Shape Output { get; }

    /// <summary>The layers in the order of computation.</summary>
    public IReadOnlyList<LayerSummary> Layers { get; }

    /// <summary>Input pixels that one output depends on, along each axis: 380 for the paper's front end, 908 with its context module.</summary>
    public int ReceptiveField { get; }

    /// <summary>Input pixels from one score cell to the next, before any upsampling in the network.</summary>
    public int Stride { get; }

    /// <summary>Input pixels from one output to the next.</summary>
    public int OutputStride { get; }

    /// <summary>Input pixels on each side without scores of their own: 186 for the paper's front end.</summary>
    public int Margin { get; }

    /// <summary>The numbers that a CRF behind the scores learns; they are among <see cref="Parameters"/>, and no layer has them.</summary>
    public long CrfParameters { get; }

    /// <summary>Weights and biases, and what a CRF learns.</summary>
    public long Parameters { get; }

    /// <summary>Multiply-adds times two of one forward pass over the batch.</summary>
    public long Flops { get; }

    /// <summary>Bytes of all layers' outputs, which a training step holds at once.</summary>
    public long TrainingActivationBytes { get; }

    /// <summary>Bytes of the largest set of maps that a prediction holds at once: a layer's output and all that it or a later one has yet to read.</summary>
    public long InferenceActivationBytes { get; }

    /// <summary>
    /// Bytes that a CRF behind the scores holds in a prediction of one image, 0 without one. What follows from the image's size: the points of its lattice, whose
    /// number depends on the colours, come on top.
    /// </summary>
    public long CrfInferenceBytes { get; }

    /// <summary>Bytes that it holds in a training step, likewise.</summary>
    public long CrfTrainingBytes { get; }

    /// <summary>Bytes of the float32 parameters.</summary>
    public long ParameterBytes => Parameters * sizeof(float);

    /// <summary>Computes the summary.</summary>
    /// <param name="config">The network.</param>
    /// <param name="input">Extents of the input, margins included.</param>
    /// <param name="batch">Images in a batch, 1 or more.</param>
    /// <exception cref="ArgumentException">The configuration is wrong or the input too small for it; the message says where.</exception>
    /// <exception cref="OverflowException">The batch is so large that its numbers cannot be counted.</exception>
    public static ModelSummary Of(ModelConfig config, Size2 input, int batch = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        var architecture = new Architecture(config);
        Size2[] sizes = architecture.Sizes(input);
        var layers = new List<LayerSummary>();
        int contextField = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            (LayerPlan layer, _, MapPlacement placement) = architecture.Nodes[i];
            bool isContext = i >= architecture.FrontEnd.Count && i < architecture.FrontEnd.Count + architecture.Context.Count;
            contextField += isContext ? layer.Extent - 1 : 0;
            long values = checked((long)batch * layer.OutChannels * sizes[i].Height * sizes[i].Width);
            layers.Add(new LayerSummary(
                layer.Name, layer.Kind, layer.Kernel, layer.Stride, layer.Dilation, layer.Padding,
                placement.Field, isContext ? contextField : null, layer.OutChannels, sizes[i],
                layer.Parameters.Sum(parameter => parameter.Shape.Count), checked(values * layer.FlopsPerValue), checked(values * sizeof(float))));
        }

        return new ModelSummary(config, architecture, input, batch, layers);
    }

    private static long PeakBytes(Architecture architecture, Shape input, IReadOnlyList<LayerSummary> layers)
    {
        // Dropout in prediction hands its input on: its readers read that.
        int[] maps = new int[layers.Count];
        int[] lastReader = new int[layers.Count + 1];
        for (int i = 0; i < layers.Count; i++)
        {
            IReadOnlyList<int> inputs = architecture.Nodes[i].Inputs;
            maps[i] = architecture.Nodes[i].Layer is DropoutPlan ? MapOf(inputs[0]) : i;
            foreach (int read in inputs)
            {
                lastReader[MapOf(read) + 1] = i;
            }
        }

        return Enumerable.Range(0, layers.Count).Max(i =>
            (lastReader[0] >= i ? input.Count * sizeof(float) : 0)
            + Enumerable.Range(0, i + 1).Where(map => maps[map] == map && (map == i || lastReader[map + 1] >= i)).Sum(map => layers[map].ActivationBytes));

        int MapOf(int position) => position < 0 ? position : maps[position];
    }
}
