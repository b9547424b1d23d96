using System.Globalization;

namespace DilatedKernels.Measuring;

/// <summary>What joins a host to all others: as much in each direction, whatever goes in the other.</summary>
/// <param name="MegabitsPerSecond">10⁶ bits a second.</param>
/// <param name="Delay">From the last bit's leaving to its arrival.</param>
internal readonly record struct Link(double MegabitsPerSecond, TimeSpan Delay)
{
    /// <summary>Seconds that so many bytes take to leave.</summary>
    public double SecondsOf(double bytes) => 8e-6 * bytes / MegabitsPerSecond;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{MegabitsPerSecond:0.###} Mbit/s, {Delay.TotalMilliseconds:0.###} ms");
}
