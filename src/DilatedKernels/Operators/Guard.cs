namespace DilatedKernels;

/// <summary>Argument checks that several operators share.</summary>
internal static class Guard
{
    public static void SameDevice(Tensor x, params ReadOnlySpan<Tensor?> others)
    {
        ArgumentNullException.ThrowIfNull(x);
        foreach (Tensor? other in others)
        {
            if (other is not null && other.Device != x.Device)
            {
                throw new ArgumentException($"The tensors {x.Shape} on {x.Device} and {other.Shape} on {other.Device} are on different devices.");
            }
        }
    }

    public static void SameType(Tensor x, params ReadOnlySpan<Tensor> others)
    {
        foreach (Tensor other in others)
        {
            if (other.ElementType != x.ElementType)
            {
                throw new ArgumentException(
                    $"The tensors {x.Shape} of {x.ElementType.Name()} and {other.Shape} of {other.ElementType.Name()} differ in type; Ops.Cast brings one to the type of the other.");
            }
        }
    }

    /// <summary>For what stays float32 beside bfloat16 activations.</summary>
    public static void IsFloat32(Tensor? tensor, string what)
    {
        if (tensor is { ElementType: not ElementType.Float32 })
        {
            throw new ArgumentException($"The {what} is float32, whatever the type of the activations; this {tensor.Shape} is {tensor.ElementType.Name()}.");
        }
    }

    public static void AtLeast(Size2 value, int minimum, string name)
    {
        if (value.Height < minimum || value.Width < minimum)
        {
            throw new ArgumentOutOfRangeException(name, value, $"The {name} is {minimum} or more along both axes.");
        }
    }
}
