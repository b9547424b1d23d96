using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>Finds the first operator on a tape whose numbers are not finite. It reads everything back: for finding a fault, not for training.</summary>
internal static class FiniteCheck
{
    /// <summary>Looks at what an operator gave and, where that is not finite, at what it was given.</summary>
    public static void Result(TapeNode node)
    {
        if (First(node.Output.Backend, node.Output.Buffer, node.Output.Shape.Count) is not { } value)
        {
            return;
        }

        foreach (Tensor input in node.Inputs)
        {
            if (First(input.Backend, input.Buffer, input.Shape.Count) is { } given)
            {
                string what = input.Parameter is { } parameter ? $"The parameter '{parameter.Name}'" : $"An input {input.Shape} of {node.Describe()}";
                throw new NonFiniteException(string.Create(CultureInfo.InvariantCulture, $"{what} holds {given} already."));
            }
        }

        throw new NonFiniteException(string.Create(CultureInfo.InvariantCulture, $"The result {node.Output.Shape} of {node.Describe()} holds {value}, though its inputs are finite."));
    }

    /// <summary>Looks at the gradients that an operator's backward pass gave or added to.</summary>
    public static void Gradients(TapeNode node, GradientTable gradients)
    {
        foreach (Tensor input in node.Inputs)
        {
            if (gradients.Peek(input) is { } gradient && First(input.Backend, gradient, input.Shape.Count) is { } value)
            {
                string what = input.Parameter is { } parameter ? $"the parameter '{parameter.Name}'" : $"its input {input.Shape}";
                throw new NonFiniteException(string.Create(
                    CultureInfo.InvariantCulture, $"The gradient of {node.Describe()} with respect to {what} holds {value}, though the gradient of its result is finite."));
            }
        }
    }

    /// <summary>The first number that is not finite, or null.</summary>
    public static float? First(Backend backend, DeviceBuffer buffer, long count)
    {
        byte[] bytes = new byte[checked((int)(count * buffer.ElementType.Size()))];
        backend.Download(buffer, bytes);
        if (buffer.ElementType == ElementType.Float32)
        {
            foreach (float value in MemoryMarshal.Cast<byte, float>(bytes))
            {
                if (!float.IsFinite(value))
                {
                    return value;
                }
            }

            return null;
        }

        foreach (ushort bits in MemoryMarshal.Cast<byte, ushort>(bytes))
        {
            float value = BFloat16.Widen(bits);
            if (!float.IsFinite(value))
            {
                return value;
            }
        }

        return null;
    }
}
