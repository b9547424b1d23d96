using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>Finds the first operator on a tape whose numbers are not finite. It reads everything back: for finding a fault, not for training.</summary>
internal static class FiniteCheck
{
    // An array of bytes holds less than a large batch's activations, and the host may have less memory than the device.
    private const long PieceBytes = 1 << 28;

    /// <summary>Looks at what an operator gave and, where that is not finite, at what it was given.</summary>
    public static void Result(TapeNode node)
    {
        if (First(node.Output.Backend, node.Output.Buffer, node.Output.Shape) is not { } value)
        {
            return;
        }

        foreach (Tensor input in node.Inputs)
        {
            if (First(input.Backend, input.Buffer, input.Shape) is { } given)
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
            if (gradients.Peek(input) is { } gradient && First(input.Backend, gradient, input.Shape) is { } value)
            {
                string what = input.Parameter is { } parameter ? $"the parameter '{parameter.Name}'" : $"its input {input.Shape}";
                throw new NonFiniteException(string.Create(
                    CultureInfo.InvariantCulture, $"The gradient of {node.Describe()} with respect to {what} holds {value}, though the gradient of its result is finite."));
            }
        }
    }

    /// <summary>The first number that is not finite, or null. More than <paramref name="pieceBytes"/> are read back some rows at a time.</summary>
    public static float? First(Backend backend, DeviceBuffer buffer, Shape shape, long pieceBytes = PieceBytes)
    {
        ElementType type = buffer.ElementType;
        if (shape.Count * type.Size() <= pieceBytes)
        {
            return First(backend, buffer, (int)shape.Count);
        }

        int rows = (int)Math.Clamp(pieceBytes / ((long)shape.W * shape.C * type.Size()), 1, shape.H);
        for (int n = 0; n < shape.N; n++)
        {
            for (int top = 0; top < shape.H; top += rows)
            {
                var piece = new Shape(1, shape.C, Math.Min(rows, shape.H - top), shape.W);
                using DeviceBuffer part = backend.Allocate(piece.Count, type);
                backend.CopyBlock(new BlockCopy(shape, new Shape(n, 0, top, 0), piece, default, piece), buffer, part);
                if (First(backend, part, checked((int)piece.Count)) is { } value)
                {
                    return value;
                }
            }
        }

        return null;
    }

    private static float? First(Backend backend, DeviceBuffer buffer, int count)
    {
        byte[] bytes = new byte[checked(count * buffer.ElementType.Size())];
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
