using System.Runtime.InteropServices;
using System.Text.Json;

namespace DilatedKernels.Tests.Golden;

/// <summary>What is kept of one float64 result: all of a small one, else samples, projections on hashed signs, and the norm.</summary>
internal sealed class GoldenResult
{
    private const int Projections = 8;

    private readonly string _tensor;
    private readonly int _seed;
    private readonly float[] _values;
    private readonly double[]? _projections;
    private readonly double _norm;

    public GoldenResult(string tensor, int seed, JsonElement json)
    {
        (_tensor, _seed) = (tensor, seed);
        int[] extents = [.. json.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32())];
        Shape = extents.Length switch
        {
            0 => Shape.Scalar,
            1 => Shape.PerChannel(extents[0]),
            _ => new Shape(extents[0], extents[1], extents[2], extents[3]),
        };
        IsScalar = extents.Length == 0;
        Float32Error = json.GetProperty("float32Error").GetDouble();
        if (json.TryGetProperty("values", out JsonElement values))
        {
            _values = Decode<float>(values);
        }
        else
        {
            _values = Decode<float>(json.GetProperty("samples"));
            _projections = Decode<double>(json.GetProperty("projections"));
            _norm = json.GetProperty("norm").GetDouble();
        }
    }

    public Shape Shape { get; }

    /// <summary>Whether it is a loss, which starts its own backward pass.</summary>
    public bool IsScalar { get; }

    /// <summary>The relative error of PyTorch's own float32 result.</summary>
    public double Float32Error { get; }

    /// <summary>
    /// The relative error ‖a − b‖/‖b‖ (‖a‖ where b is zero) of values in the order of the shape; of a large tensor, the largest of
    /// three estimates. Infinite for NaN, which would compare as small.
    /// </summary>
    public double ErrorOf(ReadOnlySpan<float> actual)
    {
        double error = _projections is null ? WholeError(actual) : EstimatedError(actual, _projections);
        return double.IsNaN(error) ? double.PositiveInfinity : error;
    }

    private double WholeError(ReadOnlySpan<float> actual)
    {
        double squaredError = 0, squaredNorm = 0;
        for (int i = 0; i < _values.Length; i++)
        {
            double difference = (double)actual[i] - _values[i];
            squaredError += difference * difference;
            squaredNorm += (double)_values[i] * _values[i];
        }

        return squaredNorm > 0 ? Math.Sqrt(squaredError / squaredNorm) : Math.Sqrt(squaredError);
    }

    private double EstimatedError(ReadOnlySpan<float> actual, double[] projections)
    {
        ulong[] words = Counter.Words(_seed, _tensor, actual.Length);
        double atSamples = 0;
        for (int i = 0; i < _values.Length; i++)
        {
            double difference = (double)actual[(int)((words[i] >> Projections) % (ulong)actual.Length)] - _values[i];
            atSamples += difference * difference / _values.Length;
        }

        double[] sums = new double[Projections];
        double squaredNorm = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            squaredNorm += (double)actual[i] * actual[i];
            for (int bit = 0; bit < Projections; bit++)
            {
                sums[bit] += (words[i] >> bit & 1) == 0 ? actual[i] : -(double)actual[i];
            }
        }

        // The mean over random signs of (Σ ±e)² is ‖e‖².
        double inProjections = sums.Zip(projections, (a, b) => (a - b) * (a - b)).Average();
        double inNorm = Math.Abs(Math.Sqrt(squaredNorm) - _norm);
        double error = Math.Max(Math.Sqrt(Math.Max(atSamples * actual.Length, inProjections)), inNorm);
        return _norm > 0 ? error / _norm : error;
    }

    private static T[] Decode<T>(JsonElement json)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(json.GetBytesFromBase64()).ToArray();
}
