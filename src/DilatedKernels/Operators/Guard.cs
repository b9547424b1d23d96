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

    public static void AtLeast(Size2 value, int minimum, string name)
    {
        if (value.Height < minimum || value.Width < minimum)
        {
            throw new ArgumentOutOfRangeException(name, value, $"The {name} is {minimum} or more along both axes.");
        }
    }
}
