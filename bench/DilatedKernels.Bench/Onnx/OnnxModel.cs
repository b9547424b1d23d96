using DilatedKernels.Measuring;
using DilatedKernels.Segmentation.Export.Onnx;

namespace DilatedKernels.Bench;

/// <summary>An ONNX model of the forward pass of a shape, with random weights: a chain of nodes from <c>t0</c> on.</summary>
internal sealed class OnnxModel
{
    private readonly OnnxGraph _graph;
    private int _tensors;

    private OnnxModel(BenchShape shape)
    {
        _graph = new OnnxGraph(shape.Name);
        _graph.Input(Now, shape.Batch, shape.Channels, shape.Height, shape.Width);
        int channels = shape.Channels;
        switch (shape.Operator)
        {
            case BenchOperator.Conv2d:
                Convolution(channels, shape.Out, shape.Kernel, shape.Stride, shape.Dilation, shape.Padding, shape.Relu);
                break;
            case BenchOperator.MaxPool:
                Pooling(shape.Kernel);
                break;
            case BenchOperator.Softmax:
                Node("Softmax", [Now], OnnxAttribute.Of("axis", 1));
                break;
            case BenchOperator.Upsample:
                string scales = _graph.Floats("scales", [4], () => new float[] { 1, 1, shape.Scale, shape.Scale });
                Node("Resize", [Now, "", scales], OnnxAttribute.Of("mode", "linear"), OnnxAttribute.Of("coordinate_transformation_mode", "half_pixel"));
                break;
            default:
                foreach (BenchLayer layer in shape.Layers!)
                {
                    if (layer.Pool > 0)
                    {
                        Pooling(layer.Pool);
                        continue;
                    }

                    Convolution(channels, layer.Out, layer.Kernel, 1, layer.Dilation, layer.Padding, layer.Relu);
                    channels = layer.Out;
                }

                break;
        }

        Output = Now;
        _graph.Output(Output, "n", "c", "h", "w");
    }

    /// <summary>The name of the result.</summary>
    public string Output { get; }

    private string Now => $"t{_tensors}";

    /// <summary>Whether there is a model of an operator's forward pass.</summary>
    public static bool Has(string operatorName) => operatorName is
        BenchOperator.Conv2d or BenchOperator.MaxPool or BenchOperator.Softmax or BenchOperator.Upsample or BenchOperator.Network;

    public static OnnxModel Of(BenchShape shape) => new(shape);

    public byte[] ToArray()
    {
        using var stream = new MemoryStream();
        _graph.WriteTo(stream);
        return stream.ToArray();
    }

    private void Convolution(int inChannels, int outChannels, int kernel, int stride, int dilation, int padding, bool relu)
    {
        string weight = $"w{_tensors}";
        string bias = $"b{_tensors}";
        double scale = Math.Sqrt(6.0 / (inChannels * kernel * kernel));
        _graph.Floats(weight, [outChannels, inChannels, kernel, kernel], () => RandomData.Values((long)outChannels * inChannels * kernel * kernel, weight, scale));
        _graph.Floats(bias, [outChannels], () => RandomData.Values(outChannels, bias, 1));
        Node(
            "Conv", [Now, weight, bias],
            OnnxAttribute.List("kernel_shape", kernel, kernel), OnnxAttribute.List("strides", stride, stride),
            OnnxAttribute.List("dilations", dilation, dilation), OnnxAttribute.List("pads", padding, padding, padding, padding));
        if (relu)
        {
            Node("Relu", [Now]);
        }
    }

    private void Pooling(int kernel) => Node("MaxPool", [Now], OnnxAttribute.List("kernel_shape", kernel, kernel), OnnxAttribute.List("strides", kernel, kernel));

    private void Node(string type, string[] inputs, params OnnxAttribute[] attributes) => _graph.Node(type, inputs, $"t{++_tensors}", attributes);
}
