using System.Diagnostics.CodeAnalysis;

namespace DilatedKernels.Segmentation.Models;

/// <summary>Checks of configurations, which may come from a file.</summary>
internal static class Check
{
    public static void That([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException($"The model's configuration is wrong: {message}");
        }
    }

    public static void Range(int value, int minimum, int maximum, string name) =>
        That(value >= minimum && value <= maximum, $"{name} is from {minimum} to {maximum}; it was {value}.");
}
