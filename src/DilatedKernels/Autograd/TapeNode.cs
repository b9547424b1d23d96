using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>
/// Computes input gradients from the output's gradient. The output gradient belongs to the node: it may be overwritten,
/// and handed on to one input with <see cref="GradientWriter.Give"/>.
/// </summary>
internal delegate void BackwardFunction(DeviceBuffer outputGradient, GradientWriter gradients);

/// <summary>One recorded operation.</summary>
internal sealed record TapeNode(Tensor Output, Tensor[] Inputs, BackwardFunction Backward, IDisposable[] Saved);

/// <summary>Where a node's backward function puts the gradients of its inputs.</summary>
internal readonly ref struct GradientWriter(GradientTable table, Tensor[] inputs, DeviceBuffer outputGradient)
{
    /// <summary>Whether input <paramref name="index"/> wants a gradient.</summary>
    public bool Wants(int index) => inputs[index].RequiresGradient;

    /// <summary>Lets <paramref name="write"/> fill a buffer with the gradient of input <paramref name="index"/>, if it wants one.</summary>
    public void Write(int index, Action<DeviceBuffer> write)
    {
        if (Wants(index))
        {
            table.Write(inputs[index], write);
        }
    }

    /// <summary>The output's gradient buffer, unchanged or altered in place, is the gradient of input <paramref name="index"/>. At most once a node, and last.</summary>
    public void Give(int index)
    {
        if (Wants(index))
        {
            table.Give(inputs[index], outputGradient);
        }
    }
}
