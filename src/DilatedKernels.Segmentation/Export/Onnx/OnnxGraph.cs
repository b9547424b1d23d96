namespace DilatedKernels.Segmentation.Export.Onnx;

/// <summary>An extent of an input or output: a number, or a name for one that a run decides.</summary>
internal readonly record struct OnnxExtent(long Value, string? Name)
{
    public static implicit operator OnnxExtent(long value) => new(value, null);

    public static implicit operator OnnxExtent(string name) => new(0, name);
}

/// <summary>A setting of a node: a whole number, a list of them, or text.</summary>
internal sealed class OnnxAttribute
{
    private OnnxAttribute(string name, Action<ProtoMessage> value)
    {
        Message = new ProtoMessage().Text(1, name);
        value(Message);
    }

    public ProtoMessage Message { get; }

    public static OnnxAttribute Of(string name, long value) => new(name, message => message.Number(3, value).Number(20, 2));

    public static OnnxAttribute Of(string name, string value) => new(name, message => message.Text(4, value).Number(20, 3));

    public static OnnxAttribute List(string name, params long[] values) => new(name, message =>
    {
        Array.ForEach(values, value => message.Number(8, value));
        message.Number(20, 7);
    });
}

/// <summary>
/// An ONNX model under construction: inputs, constants and nodes, each of which makes one value that the next ones name. Field numbers are those of
/// onnx.proto; opset 17.
/// </summary>
internal sealed class OnnxGraph(string name)
{
    private const int Opset = 17;
    private const int IrVersion = 8;
    private const int Float = 1;
    private const int Int64 = 7;

    private readonly ProtoMessage _graph = new ProtoMessage().Text(2, name);
    private readonly List<(string Key, string Value)> _metadata = [];

    /// <summary>Declares a float32 input.</summary>
    /// <returns>Its name.</returns>
    public string Input(string value, params IReadOnlyList<OnnxExtent> extents)
    {
        _graph.Message(11, Describe(value, extents));
        return value;
    }

    /// <summary>Declares a value that a node made as a float32 output.</summary>
    public void Output(string value, params IReadOnlyList<OnnxExtent> extents) => _graph.Message(12, Describe(value, extents));

    /// <summary>Adds a constant of float32 numbers, fetched when the model is written.</summary>
    /// <returns>Its name.</returns>
    public string Floats(string value, IReadOnlyList<int> extents, Func<ReadOnlyMemory<float>> values)
    {
        ProtoMessage tensor = Tensor(value, extents, Float);
        _graph.Message(5, tensor.Numbers(9, extents.Aggregate(1L, (product, extent) => product * extent), values));
        return value;
    }

    /// <summary>Adds a list of whole numbers, as shapes and paddings are.</summary>
    /// <returns>Its name.</returns>
    public string Integers(string value, params long[] values)
    {
        _graph.Message(5, Tensor(value, [values.Length], Int64).Numbers<long>(9, values.Length, () => values));
        return value;
    }

    /// <summary>Adds a node.</summary>
    /// <param name="type">The operator.</param>
    /// <param name="inputs">Names of values, in the operator's order; empty for one that is left out.</param>
    /// <param name="output">The name of the value that it makes.</param>
    /// <param name="attributes">Its settings.</param>
    /// <returns>The value's name.</returns>
    public string Node(string type, IReadOnlyList<string> inputs, string output, params IEnumerable<OnnxAttribute> attributes)
    {
        var node = new ProtoMessage();
        foreach (string input in inputs)
        {
            node.Text(1, input);
        }

        node.Text(2, output).Text(3, output).Text(4, type);
        foreach (OnnxAttribute attribute in attributes)
        {
            node.Message(5, attribute.Message);
        }

        _graph.Message(1, node);
        return output;
    }

    /// <summary>Adds text that travels with the model.</summary>
    public void Metadata(string key, string value) => _metadata.Add((key, value));

    /// <summary>Writes the model.</summary>
    public void WriteTo(Stream stream)
    {
        ProtoMessage model = new ProtoMessage().Number(1, IrVersion).Text(2, "DilatedKernels").Message(7, _graph).Message(8, new ProtoMessage().Text(1, "").Number(2, Opset));
        foreach ((string key, string value) in _metadata)
        {
            model.Message(14, new ProtoMessage().Text(1, key).Text(2, value));
        }

        model.WriteTo(stream);
    }

    private static ProtoMessage Tensor(string name, IReadOnlyList<int> extents, int type)
    {
        var tensor = new ProtoMessage();
        foreach (int extent in extents)
        {
            tensor.Number(1, extent);
        }

        return tensor.Number(2, type).Text(8, name);
    }

    private static ProtoMessage Describe(string name, IReadOnlyList<OnnxExtent> extents)
    {
        var shape = new ProtoMessage();
        foreach (OnnxExtent extent in extents)
        {
            shape.Message(1, extent.Name is null ? new ProtoMessage().Number(1, extent.Value) : new ProtoMessage().Text(2, extent.Name));
        }

        ProtoMessage tensor = new ProtoMessage().Number(1, Float).Message(2, shape);
        return new ProtoMessage().Text(1, name).Message(2, new ProtoMessage().Message(1, tensor));
    }
}
