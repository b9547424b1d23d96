namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// Places points of a d-dimensional feature space in the permutohedral lattice (Adams, Baek and Davis 2010): the points of the hyperplane
/// <c>Σ z = 0</c> of d + 1 dimensions whose coordinates are whole and all leave the same remainder by d + 1. Every point lies in a
/// simplex with one corner a remainder, and has barycentric weights of it.
/// </summary>
/// <remarks>
/// A lattice point is known by its first d coordinates, packed side by side into 128 bits with an offset that keeps each of them positive,
/// so that a step along the lattice is one addition.
/// </remarks>
internal sealed class LatticeEmbedding
{
    private const int MostBits = 32;

    private readonly PixelFeatures _features;
    private readonly int _dimensions;
    private readonly double[] _scales;
    private readonly int _bits;
    private readonly UInt128[] _jumps;
    private readonly UInt128 _ones;

    public LatticeEmbedding(PixelFeatures features)
    {
        _features = features;
        _dimensions = features.Dimensions;
        _bits = Math.Min(MostBits, 128 / _dimensions);
        _scales = new double[_dimensions];
        _jumps = new UInt128[_dimensions + 1];
        for (int a = 0; a < _dimensions; a++)
        {
            // Splatting and slicing blur by an amount of their own; with this scale and the blur between them the deviation is 1.
            _scales[a] = Math.Sqrt(2.0 / 3) * (_dimensions + 1) / Math.Sqrt((a + 1.0) * (a + 2)) / features.Deviations[a];
            UInt128 unit = UInt128.One << (a * _bits);
            _ones += unit;
            _jumps[a] = unit * (UInt128)(_dimensions + 1);
        }
    }

    public int Corners => _dimensions + 1;

    /// <summary>
    /// The lattice point one step along an axis: every coordinate grows by 1 and that of the axis shrinks by d.
    /// <see cref="StepBack"/> undoes it. The corners of a simplex are such steps apart, too.
    /// </summary>
    public UInt128 Step(UInt128 key, int axis) => key + _ones - _jumps[axis];

    public UInt128 StepBack(UInt128 key, int axis) => key - _ones + _jumps[axis];

    /// <summary>Finds the simplex around a point.</summary>
    /// <param name="point">The point.</param>
    /// <param name="axes">Receives the axis of the step from corner r to corner r + 1, for r = 0 to d − 1.</param>
    /// <param name="weights">Receives the weight of each corner; they sum to 1.</param>
    /// <returns>The key of corner 0.</returns>
    /// <exception cref="ArgumentException">A feature is not finite, or too many deviations from 0.</exception>
    public UInt128 Place(int point, Span<byte> axes, Span<float> weights)
    {
        int corners = Corners;
        Span<double> position = stackalloc double[corners];
        Span<double> nearest = stackalloc double[corners];
        Span<int> rank = stackalloc int[corners];
        Elevate(point, position);

        int sum = 0;
        for (int i = 0; i < corners; i++)
        {
            double multiple = Math.Floor((position[i] / corners) + 0.5);
            nearest[i] = multiple * corners;
            sum += (int)multiple;
        }

        // By how far a coordinate was rounded down, the largest first; equal ones in order of their axes.
        rank.Clear();
        for (int i = 0; i < corners; i++)
        {
            for (int j = i + 1; j < corners; j++)
            {
                rank[position[i] - nearest[i] < position[j] - nearest[j] ? i : j]++;
            }
        }

        // Rounding each coordinate alone may leave the hyperplane; those rounded the furthest the wrong way go one multiple back.
        for (int i = 0; i < corners; i++)
        {
            rank[i] += sum;
            int back = rank[i] >= corners ? -1 : rank[i] < 0 ? 1 : 0;
            rank[i] += back * corners;
            nearest[i] += back * corners;
        }

        Weigh(position, nearest, rank, weights);
        UInt128 key = 0;
        for (int i = 0; i < corners; i++)
        {
            if (rank[i] > 0)
            {
                axes[_dimensions - rank[i]] = (byte)i;
            }

            if (i < _dimensions)
            {
                key += (UInt128)((long)nearest[i] + (1L << (_bits - 1))) << (i * _bits);
            }
        }

        return key;
    }

    private void Elevate(int point, Span<double> position)
    {
        // Corners and neighbours are a few steps beyond, and must fit as well.
        double limit = (1L << (_bits - 1)) - (4 * Corners);
        double sum = 0;
        for (int a = _dimensions; a > 0; a--)
        {
            double scaled = _features.Values[a - 1][point] * _scales[a - 1];
            position[a] = sum - (a * scaled);
            sum += scaled;
        }

        position[0] = sum;
        foreach (double coordinate in position)
        {
            if (!(Math.Abs(coordinate) < limit))
            {
                throw new ArgumentException(
                    $"A feature of pixel {point} is not finite or is too many standard deviations from 0 (at most about {limit / Corners:E0}); use a larger deviation or a smaller image.");
            }
        }
    }

    private void Weigh(ReadOnlySpan<double> position, ReadOnlySpan<double> nearest, ReadOnlySpan<int> rank, Span<float> weights)
    {
        Span<double> exact = stackalloc double[Corners + 1];
        exact.Clear();
        for (int i = 0; i < Corners; i++)
        {
            double offset = (position[i] - nearest[i]) / Corners;
            exact[_dimensions - rank[i]] += offset;
            exact[_dimensions + 1 - rank[i]] -= offset;
        }

        exact[0] += 1 + exact[Corners];
        for (int r = 0; r < Corners; r++)
        {
            weights[r] = (float)exact[r];
        }
    }
}
