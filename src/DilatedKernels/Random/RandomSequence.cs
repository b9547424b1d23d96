using System.Text;

namespace DilatedKernels;

/// <summary>
/// Random numbers named by (seed, purpose, step): the same names give the same numbers on every machine and in any order
/// of use, so a run that is resumed draws what an unbroken one would have drawn.
/// </summary>
public sealed class RandomSequence
{
    private readonly ulong _key;
    private readonly ulong _step;
    private ulong _counter;
    private int _left;
    private (uint X, uint Y, uint Z, uint W) _block;

    /// <summary>Starts the sequence named by its arguments.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="purpose">What the numbers are for, such as a parameter's name.</param>
    /// <param name="step">The step or epoch that draws them.</param>
    public RandomSequence(ulong seed, string purpose, ulong step = 0)
    {
        ArgumentNullException.ThrowIfNull(purpose);
        // FNV-1a: stable across runs and platforms, which string.GetHashCode is not.
        ulong hash = 14695981039346656037;
        foreach (byte b in Encoding.UTF8.GetBytes(purpose))
        {
            hash = (hash ^ b) * 1099511628211;
        }

        _key = seed ^ hash;
        _step = step;
    }

    /// <summary>A word with all 32 bits random.</summary>
    public uint NextUInt32()
    {
        if (_left == 0)
        {
            _block = Philox.Generate(_key, _counter++, _step);
            _left = 4;
        }

        return _left-- switch
        {
            4 => _block.X,
            3 => _block.Y,
            2 => _block.Z,
            _ => _block.W,
        };
    }

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    public double NextDouble() => (((ulong)NextUInt32() << 21) ^ (NextUInt32() >> 11)) * (1.0 / (1UL << 53));

    /// <summary>An integer in [0, bound), every value equally likely.</summary>
    /// <param name="bound">1 or more.</param>
    public int NextInt32(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        uint limit = uint.MaxValue - (uint.MaxValue % (uint)bound);
        uint word;
        do
        {
            word = NextUInt32();
        }
        while (word >= limit);
        return (int)(word % (uint)bound);
    }

    /// <summary>A number from the normal distribution with mean 0 and standard deviation 1.</summary>
    public double NextGaussian()
    {
        double radius = Math.Sqrt(-2.0 * Math.Log(1.0 - NextDouble()));
        return radius * Math.Cos(2.0 * Math.PI * NextDouble());
    }

    /// <summary>Puts the items in a random order, every order equally likely.</summary>
    /// <param name="items">The items.</param>
    /// <typeparam name="T">Their type.</typeparam>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt32(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
