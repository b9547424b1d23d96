using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>How much each class counts in a loss, on a device.</summary>
public sealed class ClassWeights : IDisposable
{
    private readonly float[] _values;
    private readonly Tensor _tensor;

    /// <summary>Copies weights to a device.</summary>
    /// <param name="device">Where the losses are computed.</param>
    /// <param name="values">One a class, each 0 or more and finite, not all 0.</param>
    /// <exception cref="ArgumentException">There are none, one is out of its range, or all are 0.</exception>
    public ClassWeights(Device device, ReadOnlySpan<float> values)
    {
        ArgumentNullException.ThrowIfNull(device);
        _values = values.ToArray();
        int wrong = Array.FindIndex(_values, weight => !(weight >= 0f && float.IsFinite(weight)));
        if (wrong >= 0)
        {
            throw new ArgumentException($"A class weight is 0 or more and finite; that of class {wrong} was {_values[wrong]}.", nameof(values));
        }

        if (Array.TrueForAll(_values, weight => weight == 0f))
        {
            throw new ArgumentException("At least one class has a weight above 0; otherwise no class counts.", nameof(values));
        }

        _tensor = Tensor.FromChannelsLast(device, new Shape(1, _values.Length, 1, 1), _values);
    }

    /// <summary>The weights, one a class.</summary>
    public IReadOnlyList<float> Values => _values;

    /// <summary>Where they are.</summary>
    public Device Device => _tensor.Device;

    internal DeviceBuffer Buffer => _tensor.IsDisposed ? throw new ObjectDisposedException(nameof(ClassWeights)) : _tensor.Buffer;

    /// <summary>The weights of all positions that count, those of a step's other parts among them; without weights, the number of these positions.</summary>
    internal static double TotalOf(ClassWeights? weights, LabelMap labels, int ignoreLabel)
    {
        if (weights is null)
        {
            return labels.Step.CountValid(ignoreLabel);
        }

        double total = 0;
        for (int label = 0; label < Math.Min(weights._values.Length, byte.MaxValue + 1); label++)
        {
            if (label != ignoreLabel)
            {
                total += (double)weights._values[label] * labels.Step.CountOf(label);
            }
        }

        return total;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _tensor.Dispose();
}
