using DilatedKernels;

namespace ATrous;

/// <summary>
/// The algorithme à trous (Holschneider et al. 1987, Shensa 1992) with the cubic B-spline: an undecimated wavelet transform, also called starlet. Every scale
/// smooths what the one before left, <c>c(j+1)[k] = Σ_m h[m]·c(j)[k + 2^j·m]</c> along both axes with h = (1, 4, 6, 4, 1)/16, which is a convolution dilated by
/// 2^j, and keeps the difference <c>w(j+1) = c(j) − c(j+1)</c>. It is the decomposition that has the name; the dilated convolution is what it is made of
/// (Yu and Koltun 2016, section 2).
/// </summary>
public static class Starlet
{
    /// <summary>The largest number of scales: dilation 32,768.</summary>
    public const int MostScales = 16;

    private static readonly float[] Spline = [1 / 16f, 4 / 16f, 6 / 16f, 4 / 16f, 1 / 16f];

    /// <summary>Splits maps into planes from fine to coarse, all of the maps' size. Beyond the border the maps are mirrored, the edge itself not repeated.</summary>
    /// <param name="maps">Maps of one channel <c>[N, 1, H, W]</c>, with H and W 2 or more.</param>
    /// <param name="scales">J, 1 to <see cref="MostScales"/>.</param>
    /// <returns>w(1), …, w(J), and c(J), whose every pixel is a mean over <c>4·(2^J − 1) + 1</c> pixels along each axis. They belong to the current tape.</returns>
    /// <exception cref="ArgumentException">The maps have another number of channels or are smaller.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The number of scales is not in its range.</exception>
    public static IReadOnlyList<Tensor> Decompose(Tensor maps, int scales)
    {
        ArgumentNullException.ThrowIfNull(maps);
        ArgumentOutOfRangeException.ThrowIfLessThan(scales, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(scales, MostScales);
        if (maps.Shape.C != 1 || maps.Shape.H < 2 || maps.Shape.W < 2)
        {
            throw new ArgumentException($"The maps are [N, 1, H, W] with H and W 2 or more; they were {maps.Shape}.", nameof(maps));
        }

        using Tensor row = Tensor.FromArray(maps.Device, new Shape(1, 1, 1, Spline.Length), Spline);
        using Tensor column = Tensor.FromArray(maps.Device, new Shape(1, 1, Spline.Length, 1), Spline);
        var planes = new List<Tensor>();
        Tensor smooth = maps;
        for (int j = 0; j < scales; j++)
        {
            int dilation = 1 << j;
            Tensor along = Ops.Conv2d(Mirror(smooth, 0, 2 * dilation), row, options: new Conv2dOptions { Dilation = new Size2(1, dilation) });
            Tensor smoother = Ops.Conv2d(Mirror(along, 2 * dilation, 0), column, options: new Conv2dOptions { Dilation = new Size2(dilation, 1) });
            planes.Add(Ops.Add(smooth, Ops.Scale(smoother, -1)));
            smooth = smoother;
        }

        planes.Add(smooth);
        return planes;
    }

    /// <summary>The inverse: the sum of all planes. What is between is subtracted once and added once, so nothing is lost but float32's last bits.</summary>
    /// <param name="planes">What <see cref="Decompose"/> returned.</param>
    public static Tensor Reconstruct(IReadOnlyList<Tensor> planes)
    {
        ArgumentNullException.ThrowIfNull(planes);
        // From coarse to fine, as the differences were taken.
        return planes.Reverse().Aggregate(Ops.Add);
    }

    // A dilation may reach over the border more than once; every reflection ends at an edge of the map, so that the next goes on in the same pattern.
    private static Tensor Mirror(Tensor x, int rows, int columns)
    {
        while (rows > 0 || columns > 0)
        {
            int height = Math.Min(rows, x.Shape.H - 1);
            int width = Math.Min(columns, x.Shape.W - 1);
            x = Ops.ReflectionPad(x, height, height, width, width);
            (rows, columns) = (rows - height, columns - width);
        }

        return x;
    }
}
