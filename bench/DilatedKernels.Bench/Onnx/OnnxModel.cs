using System.Runtime.InteropServices;
using DilatedKernels.Measuring;

namespace DilatedKernels.Bench;

/// <summary>An ONNX model of the forward pass of a shape, with random weights: a chain of nodes from <c>t0</c> on.</summary>
internal sealed class OnnxModel
{
    private const int Float = 1;

    private readonly Protobuf _graph = new();
    private int _tensors;

    private OnnxModel(BenchShape shape)
    {
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
                Node("Softmax", [Now], [("axis", 1)], []);
                break;
            case BenchOperator.Upsample:
                Initializer("scales", [4], [1, 1, shape.Scale, shape.Scale]);
                Node("Resize", [Now, "", "scales"], [], [], ("mode", "linear"), ("coordinate_transformation_mode", "half_pixel"));
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
        _graph.Text(2, shape.Name);
        _graph.Message(11, Value("t0", [shape.Batch, shape.Channels, shape.Height, shape.Width]));
        _graph.Message(12, Value(Output, null));
    }

    /// <summary>The name of the result.</summary>
    public string Output { get; }

    private string Now => $"t{_tensors}";

    /// <summary>Whether there is a model of an operator's forward pass.</summary>
    public static bool Has(string operatorName) => operatorName is
        BenchOperator.Conv2d or BenchOperator.MaxPool or BenchOperator.Softmax or BenchOperator.Upsample or BenchOperator.Network;

    public static OnnxModel Of(BenchShape shape) => new(shape);

    /// <summary>The model, opset 17.</summary>
    public byte[] ToArray() => new Protobuf().Number(1, 8).Text(2, "DilatedKernels.Bench").Message(7, _graph).Message(8, new Protobuf().Text(1, "").Number(2, 17)).ToArray();

    private void Convolution(int inChannels, int outChannels, int kernel, int stride, int dilation, int padding, bool relu)
    {
        string weight = $"w{_tensors}";
        string bias = $"b{_tensors}";
        Initializer(weight, [outChannels, inChannels, kernel, kernel], Values((long)outChannels * inChannels * kernel * kernel, weight, Math.Sqrt(6.0 / (inChannels * kernel * kernel))));
        Initializer(bias, [outChannels], Values(outChannels, bias, 1));
        Node("Conv", [Now, weight, bias], [],
            [("kernel_shape", [kernel, kernel]), ("strides", [stride, stride]), ("dilations", [dilation, dilation]), ("pads", [padding, padding, padding, padding])]);
        if (relu)
        {
            Node("Relu", [Now], [], []);
        }
    }

    private void Pooling(int kernel) => Node("MaxPool", [Now], [], [("kernel_shape", [kernel, kernel]), ("strides", [kernel, kernel])]);

    private static float[] Values(long count, string purpose, double scale) => RandomData.Values(count, purpose, scale);

    private void Node(string type, string[] inputs, (string Name, long Value)[] numbers, (string Name, long[] Values)[] lists, params (string Name, string Value)[] texts)
    {
        var node = new Protobuf();
        foreach (string input in inputs)
        {
            node.Text(1, input);
        }

        _tensors++;
        node.Text(2, Now).Text(4, type);
        foreach ((string name, long value) in numbers)
        {
            node.Message(5, new Protobuf().Text(1, name).Number(3, value).Number(20, 2));
        }

        foreach ((string name, string value) in texts)
        {
            node.Message(5, new Protobuf().Text(1, name).Text(4, value).Number(20, 3));
        }

        foreach ((string name, long[] values) in lists)
        {
            Protobuf attribute = new Protobuf().Text(1, name);
            foreach (long value in values)
            {
                attribute.Number(8, value);
            }

            node.Message(5, attribute.Number(20, 7));
        }

        _graph.Message(1, node);
    }

    private void Initializer(string name, long[] extents, float[] values)
    {
        var tensor = new Protobuf();
        foreach (long extent in extents)
        {
            tensor.Number(1, extent);
        }

        _graph.Message(5, tensor.Number(2, Float).Text(8, name).Bytes(9, MemoryMarshal.AsBytes(values.AsSpan())));
    }

    private static Protobuf Value(string name, int[]? extents)
    {
        var type = new Protobuf().Number(1, Float);
        if (extents is not null)
        {
            var shape = new Protobuf();
            foreach (int extent in extents)
            {
                shape.Message(1, new Protobuf().Number(1, extent));
            }

            type.Message(2, shape);
        }

        return new Protobuf().Text(1, name).Message(2, new Protobuf().Message(1, type));
    }
}
