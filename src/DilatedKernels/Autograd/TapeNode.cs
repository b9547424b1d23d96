using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>
/// Computes input gradients from the output's gradient. The output gradient belongs to the node: it may be overwritten,
/// and handed on to one input with <see cref="GradientWriter.Give"/>.
/// </summary>
internal delegate void BackwardFunction(DeviceBuffer outputGradient, GradientWriter gradients);

/// <summary>One recorded operation. <paramref name="Saved"/> is freed after its use.</summary>
internal sealed record TapeNode(string Operator, Tensor Output, Tensor[] Inputs, BackwardFunction Backward, IDisposable? Saved)
{
    private readonly int[] _versions = [.. Inputs.Select(input => input.Version)];
    private readonly int _outputVersion = Output.Version;

    /// <summary>Refuses to go on where values that the gradient is computed from are others than they were.</summary>
    public void ThrowIfOverwritten()
    {
        for (int i = 0; i < Inputs.Length; i++)
        {
            if (Inputs[i].Version != _versions[i])
            {
                throw Overwritten(Inputs[i], "read");
            }
        }

        if (Output.Version != _outputVersion)
        {
            throw Overwritten(Output, "made");
        }
    }

    /// <summary>The operator, and the parameters that tell which of a network's layers it is.</summary>
    public string Describe()
    {
        string parameters = string.Join(", ", Inputs.Select(input => input.Parameter?.Name).OfType<string>());
        return parameters.Length > 0 ? $"{Operator} ({parameters})" : Operator;
    }

    private InvalidOperationException Overwritten(Tensor tensor, string did)
    {
        string which = tensor.Parameter is { } parameter ? $"The parameter '{parameter.Name}'" : $"The tensor {tensor.Shape}";
        return new InvalidOperationException(
            $"{which} has been overwritten since {Describe()} {did} it, so its gradient would be that of other values: call Backward before an optimizer steps or values are set.");
    }
}

/// <summary>Where a node's backward function puts the gradients of its inputs.</summary>
internal readonly ref struct GradientWriter(GradientTable table, Tensor[] inputs, DeviceBuffer outputGradient, bool isMasked)
{
    /// <summary>Whether the output's gradient is 0 already wherever the output is not positive. Only where it <see cref="Tensor.IsRectified"/>.</summary>
    public bool IsMasked => isMasked;

    /// <summary>Whether input <paramref name="index"/> wants a gradient.</summary>
    public bool Wants(int index) => inputs[index].RequiresGradient;

    /// <summary>Lets <paramref name="write"/> fill a buffer with the gradient of input <paramref name="index"/>, if it wants one.</summary>
    /// <param name="index">Which input.</param>
    /// <param name="write">Fills the buffer.</param>
    /// <param name="isMasked">Whether it leaves 0 wherever the input is not positive; only for one that <see cref="Tensor.IsRectified"/>.</param>
    public void Write(int index, Action<DeviceBuffer> write, bool isMasked = false)
    {
        if (Wants(index))
        {
            table.Write(inputs[index], write, isMasked);
        }
    }

    /// <summary>The output's gradient buffer, unchanged or altered in place, is the gradient of input <paramref name="index"/>. At most once a node, and last.</summary>
    /// <param name="index">Which input.</param>
    /// <param name="isMasked">As for <see cref="Write"/>.</param>
    public void Give(int index, bool isMasked = false)
    {
        if (Wants(index))
        {
            table.Give(inputs[index], outputGradient, isMasked);
        }
    }
}
