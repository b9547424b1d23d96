using System.Globalization;
using System.Text.Json;
using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Export.Onnx;

/// <summary>A network as an ONNX model, layer by layer. Dropout, which does nothing in prediction, is left out.</summary>
internal sealed class OnnxNetwork
{
    private readonly OnnxGraph _graph;
    private readonly Dictionary<string, Parameter> _parameters;

    private OnnxNetwork(SegmentationModel model)
    {
        _graph = new OnnxGraph(model.Config.Name);
        _parameters = model.Parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
    }

    /// <summary>The model: input <c>image [batch, 3, height, width]</c>, or <c>maps</c> for a context module alone, output <c>scores</c> or <c>probabilities</c>.</summary>
    public static OnnxGraph Of(SegmentationModel model, bool probabilities)
    {
        if (model.Crf is not null)
        {
            throw new UserInputException(
                $"{model.Config.Name} ends with a CRF, for which ONNX has no operator; export it as safetensors, or train without --crf-rnn and refine with --crf.");
        }

        var network = new OnnxNetwork(model);
        OnnxGraph graph = network._graph;
        var architecture = new Architecture(model.Config);
        string input = graph.Input(model.Config.HasTrunk ? "image" : "maps", "batch", architecture.InChannels, "height", "width");
        var values = new List<string>();
        for (int i = 0; i < architecture.Nodes.Count; i++)
        {
            (LayerPlan layer, IReadOnlyList<int> inputs, _) = architecture.Nodes[i];
            string name = i == architecture.Nodes.Count - 1 ? "scores" : layer.Name;
            values.Add(network.Add(layer, name, [.. inputs.Select(position => position == Graph.Input ? input : values[position])]));
        }

        string result = probabilities ? graph.Node("Softmax", [values[^1]], "probabilities", OnnxAttribute.Of("axis", 1)) : values[^1];
        graph.Output(result, "batch", model.Classes, "out_height", "out_width");
        Describe(graph, model);
        return graph;
    }

    private string Add(LayerPlan layer, string name, string[] inputs)
    {
        switch (layer)
        {
            case ConvolutionPlan convolution:
                string sum = _graph.Node(
                    "Conv", [inputs[0], Weights(layer, ".weight"), Weights(layer, ".bias")], convolution.Relu ? $"{name}/sum" : name,
                    [.. Window(layer), OnnxAttribute.List("dilations", layer.Dilation, layer.Dilation)]);
                return convolution.Relu ? _graph.Node("Relu", [sum], name) : sum;
            case PoolPlan pool:
                return _graph.Node("MaxPool", inputs, name, [.. Window(layer), OnnxAttribute.Of("ceil_mode", pool.Rounding == PoolRounding.Ceiling ? 1 : 0)]);
            case AveragePoolPlan:
                return _graph.Node("AveragePool", inputs, name, [.. Window(layer), OnnxAttribute.Of("count_include_pad", 1)]);
            case ScalePlan scale:
                return _graph.Node("Mul", [inputs[0], _graph.Floats($"{layer.Name}.factor", [], () => new[] { scale.Factor })], name);
            case DropoutPlan:
                return inputs[0];
            case ReflectionPadPlan pad:
                return _graph.Node("Pad", [inputs[0], _graph.Integers($"{layer.Name}.pads", 0, 0, pad.Amount, pad.Amount, 0, 0, pad.Amount, pad.Amount)], name, OnnxAttribute.Of("mode", "reflect"));
            case DeconvolutionPlan deconvolution:
                return _graph.Node("ConvTranspose", [inputs[0], Bilinear(deconvolution)], name, [.. Window(layer), OnnxAttribute.Of("group", layer.OutChannels)]);
            case TransposedConvolutionPlan:
                return _graph.Node("ConvTranspose", [inputs[0], Weights(layer, ".weight")], name, Window(layer));
            case AddPlan:
                return _graph.Node("Add", inputs, name);
            case ConcatPlan:
                return _graph.Node("Concat", inputs, name, OnnxAttribute.Of("axis", 1));
            case CropToPlan crop:
                return Crop(crop, name, inputs[0], inputs[1]);
            default:
                throw new InvalidOperationException($"{layer.Name} ({layer.Kind}) has no form in ONNX.");
        }
    }

    // Rows and columns from the offset on, as many as the other map has.
    private string Crop(CropToPlan crop, string name, string map, string target)
    {
        string size = _graph.Node("Shape", [target], $"{crop.Name}/size", OnnxAttribute.Of("start", 2), OnnxAttribute.Of("end", 4));
        string start = _graph.Integers($"{crop.Name}.start", crop.Offset, crop.Offset);
        string end = _graph.Node("Add", [size, start], $"{crop.Name}/end");
        return _graph.Node("Slice", [map, start, end, _graph.Integers($"{crop.Name}.axes", 2, 3)], name);
    }

    private string Weights(LayerPlan layer, string part)
    {
        Tensor value = _parameters[layer.Name + part].Value;
        Shape shape = value.Shape;
        return _graph.Floats(layer.Name + part, part == ".bias" ? [shape.C] : [shape.N, shape.C, shape.H, shape.W], () => value.ToArray());
    }

    // Each channel's kernel is the product of two tents over 2·scale taps.
    private string Bilinear(DeconvolutionPlan layer)
    {
        int extent = layer.Kernel;
        double[] tent = [.. Enumerable.Range(0, extent).Select(i => 1 - (Math.Abs(i + 0.5 - layer.Scale) / layer.Scale))];
        return _graph.Floats($"{layer.Name}.weight", [layer.OutChannels, 1, extent, extent], () =>
        {
            float[] kernels = new float[layer.OutChannels * extent * extent];
            for (int i = 0; i < kernels.Length; i++)
            {
                kernels[i] = (float)(tent[i / extent % extent] * tent[i % extent]);
            }

            return kernels;
        });
    }

    private static OnnxAttribute[] Window(LayerPlan layer) =>
    [
        OnnxAttribute.List("kernel_shape", layer.Kernel, layer.Kernel),
        OnnxAttribute.List("strides", layer.Stride, layer.Stride),
        OnnxAttribute.List("pads", layer.Padding, layer.Padding, layer.Padding, layer.Padding),
    ];

    /// <summary>What a program needs to prepare the input and to read the output.</summary>
    private static void Describe(OnnxGraph graph, SegmentationModel model)
    {
        ModelConfig config = model.Config;
        if (config.ClassNames is { } names)
        {
            graph.Metadata("classes", List(names.Select(name => $"\"{JsonEncodedText.Encode(name)}\"")));
        }

        if (config.Palette is { } palette)
        {
            graph.Metadata("palette", List(palette.Colors.Take(model.Classes).Select(color => string.Create(CultureInfo.InvariantCulture, $"\"#{color.R:X2}{color.G:X2}{color.B:X2}\""))));
        }

        graph.Metadata("mean", List(config.MeanBgr.Select(value => value.ToString("R", CultureInfo.InvariantCulture))));
        graph.Metadata("margin", model.Margin.ToString(CultureInfo.InvariantCulture));
        graph.Metadata("stride", model.OutputStride.ToString(CultureInfo.InvariantCulture));
        graph.Metadata(ModelFile.ConfigKey, config.ToJson());
    }

    private static string List(IEnumerable<string> items) => $"[{string.Join(", ", items)}]";
}
