using System.Numerics;

namespace DilatedKernels.Segmentation.Imaging.Png;

/// <summary>PNG's row filters: a byte minus a prediction from its neighbours left (a), above (b) and above left (c), modulo 256.</summary>
internal static class PngFilter
{
    public const int Types = 5;

    /// <summary>Adds the predictions back, in place.</summary>
    /// <param name="type">0 none, 1 left, 2 above, 3 their mean, 4 Paeth's choice.</param>
    /// <param name="row">The filtered row; afterwards the plain one.</param>
    /// <param name="previous">The plain row above, zeros above the first.</param>
    /// <param name="distance">Bytes to the same channel of the pixel to the left.</param>
    /// <returns>False for an unknown type.</returns>
    public static bool Undo(byte type, Span<byte> row, ReadOnlySpan<byte> previous, int distance)
    {
        previous = previous[..row.Length];
        int first = Math.Min(distance, row.Length);
        switch (type)
        {
            case 0:
                return true;
            case 1:
                for (int i = first; i < row.Length; i++)
                {
                    row[i] += row[i - distance];
                }

                return true;
            case 2:
                Add(row, previous);
                return true;
            case 3:
                for (int i = 0; i < first; i++)
                {
                    row[i] += (byte)(previous[i] >> 1);
                }

                for (int i = first; i < row.Length; i++)
                {
                    row[i] += (byte)((row[i - distance] + previous[i]) >> 1);
                }

                return true;
            case 4:
                // Left of the row both a and c are 0, and Paeth's choice is b.
                Add(row[..first], previous);
                for (int i = first; i < row.Length; i++)
                {
                    row[i] += Paeth(row[i - distance], previous[i], previous[i - distance]);
                }

                return true;
            default:
                return false;
        }
    }

    /// <summary>Filters a row.</summary>
    /// <param name="type">0 to 4.</param>
    /// <param name="row">The plain row.</param>
    /// <param name="previous">The plain row above, zeros above the first.</param>
    /// <param name="distance">Bytes to the same channel of the pixel to the left.</param>
    /// <param name="filtered">Receives the filtered row.</param>
    public static void Apply(int type, ReadOnlySpan<byte> row, ReadOnlySpan<byte> previous, int distance, Span<byte> filtered)
    {
        for (int i = 0; i < row.Length; i++)
        {
            byte a = i >= distance ? row[i - distance] : (byte)0;
            byte b = previous[i];
            byte c = i >= distance ? previous[i - distance] : (byte)0;
            int prediction = type switch
            {
                0 => 0,
                1 => a,
                2 => b,
                3 => (a + b) >> 1,
                4 => Paeth(a, b, c),
                _ => throw new ArgumentOutOfRangeException(nameof(type), type, "PNG filter types are 0 to 4."),
            };
            filtered[i] = (byte)(row[i] - prediction);
        }
    }

    private static void Add(Span<byte> row, ReadOnlySpan<byte> previous)
    {
        int i = 0;
        for (; i <= row.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            (new Vector<byte>(row[i..]) + new Vector<byte>(previous[i..])).CopyTo(row[i..]);
        }

        for (; i < row.Length; i++)
        {
            row[i] += previous[i];
        }
    }

    // The neighbour nearest to a + b - c; ties go to a, then b.
    private static byte Paeth(byte a, byte b, byte c)
    {
        int distanceA = Math.Abs(b - c);
        int distanceB = Math.Abs(a - c);
        int distanceC = Math.Abs(a + b - (2 * c));
        return distanceA <= distanceB && distanceA <= distanceC ? a : distanceB <= distanceC ? b : c;
    }
}
