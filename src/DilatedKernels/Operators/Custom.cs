using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// Makes an operator of the caller's own part of the current tape. The caller reads the inputs with <see cref="Tensor.ToChannelsLast"/>, computes the
    /// result on the processor, hands it over here, and says how gradients flow back.
    /// </summary>
    /// <param name="inputs">What the result was computed from: one or more tensors of one device.</param>
    /// <param name="shape">The extents of the result.</param>
    /// <param name="values">The result, channels-last.</param>
    /// <param name="backward">
    /// Takes the gradient of the result and returns that of every input in their order, all channels-last; null for an input without
    /// <see cref="Tensor.RequiresGradient"/>. Called at most once, and only where the tape records and an input requires a gradient.
    /// </param>
    /// <returns>A tensor of the type and on the device of the first input.</returns>
    /// <remarks>On a GPU both passes wait for what they read, and a training step with such an operator in it is not recorded as a graph.</remarks>
    /// <exception cref="ArgumentException">There is no input, the inputs are on different devices, or the number of values is not the shape's.</exception>
    public static Tensor Custom(IReadOnlyList<Tensor> inputs, Shape shape, ReadOnlySpan<float> values, Func<float[], IReadOnlyList<float[]?>> backward)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(backward);
        Tensor[] from = [.. inputs];
        if (from.Length == 0)
        {
            throw new ArgumentException("An operator has one or more inputs; there were none.", nameof(inputs));
        }

        Guard.SameDevice(from[0], from);
        Tensor y = Tape.NewOutput(from[0], shape);
        y.SetChannelsLast(values);
        if (Tape.WillRecord(from))
        {
            Tape.RecordNode(y, from, (dy, gradients) =>
            {
                float[] given = new Tensor(y.Device, shape, dy).ToChannelsLast();
                IReadOnlyList<float[]?> found = backward(given) ?? throw new InvalidOperationException("A custom operator's backward function returns a list with a gradient for every input; it returned null.");
                for (int i = 0; i < from.Length; i++)
                {
                    if (gradients.Wants(i))
                    {
                        float[] gradient = GradientOf(from, found, i);
                        Tensor input = from[i];
                        gradients.Write(i, dx => Upload(input, gradient, dx));
                    }
                }
            });
        }

        return y;
    }

    private static float[] GradientOf(Tensor[] inputs, IReadOnlyList<float[]?> found, int index)
    {
        float[]? gradient = index < found.Count ? found[index] : null;
        return gradient is not null && gradient.Length == inputs[index].Shape.Count
            ? gradient
            : throw new InvalidOperationException(
                $"A custom operator's backward function gives input {index} of shape {inputs[index].Shape} {(gradient is null ? "no gradient" : $"a gradient of {gradient.Length} values")}; it needs {inputs[index].Shape.Count} values.");
    }

    private static void Upload(Tensor like, float[] values, DeviceBuffer target)
    {
        using Tensor host = Tensor.FromChannelsLast(like.Device, like.Shape, values, like.ElementType);
        like.Backend.Copy(host.Buffer, target, like.Shape.Count * like.ElementType.Size());
    }
}
