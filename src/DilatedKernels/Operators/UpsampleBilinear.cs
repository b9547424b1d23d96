using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>Which source coordinate an output pixel of a bilinear interpolation reads, per axis of extent <c>in</c> and <c>out</c>.</summary>
public enum BilinearAlignment
{
    /// <summary>The maps' outer edges coincide: <c>source = (o + ½)·in/out − ½</c>, clamped to the map.</summary>
    HalfPixel,

    /// <summary>The centres of the corner pixels coincide: <c>source = o·(in − 1)/(out − 1)</c>; 0 for a single output.</summary>
    CornerAligned,

    /// <summary>
    /// Output pixel <c>s·i</c> equals cell <c>i</c>: <c>source = o·in/out</c>, clamped to the map. With <c>s = 8</c>, how Yu and Koltun's
    /// released predictor brings its probabilities to the image's size.
    /// </summary>
    CellOrigin,
}

public static partial class Ops
{
    /// <summary>
    /// Bilinear interpolation to a given size: <c>y(n, c, oy, ox) = (1 − b)·((1 − a)·x₀₀ + a·x₀₁) + b·((1 − a)·x₁₀ + a·x₁₁)</c>, where x₀₀ … x₁₁ are
    /// the four pixels around the source coordinate and (b, a) its fractions. Made smaller, the map is sampled without averaging.
    /// </summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="outHeight">Rows of the result, 1 or more.</param>
    /// <param name="outWidth">Columns of the result, 1 or more.</param>
    /// <param name="alignment">Which source coordinate an output pixel reads.</param>
    /// <returns><c>[N, C, outHeight, outWidth]</c>.</returns>
    /// <remarks>HalfPixel and CornerAligned are PyTorch's <c>align_corners</c> false and true.</remarks>
    /// <exception cref="ArgumentException">The input has no rows or no columns.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An output extent is below 1, or the alignment is none of the named ones.</exception>
    public static Tensor UpsampleBilinear(Tensor x, int outHeight, int outWidth, BilinearAlignment alignment = BilinearAlignment.HalfPixel)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfLessThan(outHeight, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outWidth, 1);
        CheckNotEmpty(x.Shape);
        Func<int, int, ResampleAxis> axis = AxisOf(alignment);
        return Upsample(x, axis(x.Shape.H, outHeight), axis(x.Shape.W, outWidth));
    }

    private static Func<int, int, ResampleAxis> AxisOf(BilinearAlignment alignment) => alignment switch
    {
        BilinearAlignment.HalfPixel => ResampleAxis.HalfPixel,
        BilinearAlignment.CornerAligned => ResampleAxis.CornerAligned,
        BilinearAlignment.CellOrigin => ResampleAxis.CellOrigin,
        _ => throw new ArgumentOutOfRangeException(nameof(alignment), alignment, "The alignment is HalfPixel, CornerAligned or CellOrigin."),
    };

    private static void CheckNotEmpty(Shape x)
    {
        if (x.H < 1 || x.W < 1)
        {
            throw new ArgumentException($"The input {x} has no pixels to interpolate; its height and width are 1 or more.", nameof(x));
        }
    }

    private static Tensor Upsample(Tensor x, ResampleAxis rows, ResampleAxis columns)
    {
        Backend backend = x.Backend;
        var geometry = new UpsampleGeometry(x.Shape.N, x.Shape.C, rows, columns);
        Tensor y = Tape.NewOutput(x, geometry.OutShape);
        backend.UpsampleForward(geometry, x.Buffer, y.Buffer);

        if (Tape.WillRecord(x))
        {
            Tape.RecordNode(y, [x], (dy, gradients) => gradients.Write(0, dx => backend.UpsampleBackward(geometry, dy, dx)));
        }

        return y;
    }
}
