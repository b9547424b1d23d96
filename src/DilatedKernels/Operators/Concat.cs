using DilatedKernels.Backends;

namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>Joins tensors along their channels.</summary>
    /// <param name="parts">One or more tensors <c>[N, Cᵢ, H, W]</c> that agree in N, H and W.</param>
    /// <returns><c>[N, Σ Cᵢ, H, W]</c>, the first part's channels first.</returns>
    /// <exception cref="ArgumentException">There is no part, or extents, types or devices differ.</exception>
    public static Tensor Concat(params Tensor[] parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Length == 0)
        {
            throw new ArgumentException("Concat joins one tensor or more; none was given.", nameof(parts));
        }

        Guard.SameDevice(parts[0], parts);
        Tensor[] inputs = [.. parts];
        Shape first = inputs[0].Shape;
        var offsets = new int[inputs.Length];
        int channels = 0;
        for (int i = 0; i < inputs.Length; i++)
        {
            ArgumentNullException.ThrowIfNull(inputs[i], nameof(parts));
            Shape shape = inputs[i].Shape;
            if ((shape.N, shape.H, shape.W) != (first.N, first.H, first.W))
            {
                throw new ArgumentException($"Concat joins tensors that differ in channels only; part 0 is {first} and part {i} is {shape}.", nameof(parts));
            }

            Guard.SameType(inputs[0], inputs[i]);
            offsets[i] = channels;
            channels = checked(channels + shape.C);
        }

        Backend backend = inputs[0].Backend;
        Tensor y = Tape.NewOutput(inputs[0], first with { C = channels });
        for (int i = 0; i < inputs.Length; i++)
        {
            Shape part = inputs[i].Shape;
            backend.CopyBlock(new BlockCopy(part, default, y.Shape, new Shape(0, offsets[i], 0, 0), part), inputs[i].Buffer, y.Buffer);
        }

        if (Tape.WillRecord(inputs))
        {
            Tape.RecordNode(y, inputs, (dy, gradients) =>
            {
                for (int i = 0; i < inputs.Length; i++)
                {
                    var block = new BlockCopy(y.Shape, new Shape(0, offsets[i], 0, 0), inputs[i].Shape, default, inputs[i].Shape);
                    gradients.Write(i, dx => backend.CopyBlock(block, dy, dx));
                }
            });
        }

        return y;
    }
}
