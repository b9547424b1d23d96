using System.Runtime.Intrinsics;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// How the filtered probabilities of one kernel change the scores: <c>s(i, l) += Σ_m A(l, m) · f(i, m)</c>. With kernel weights W and a
/// compatibility matrix μ, <c>A = −μ·W</c>; Potts and one weight w give <c>A = w·I</c>, up to a constant a pixel that no softmax sees.
/// </summary>
internal sealed class Coupling
{
    private readonly int _classes;
    private readonly int _stride;
    private readonly bool _isDiagonal;

    // The diagonal, or column after column.
    private readonly float[] _values;

    private Coupling(int classes, bool isDiagonal)
    {
        (_classes, _stride, _isDiagonal) = (classes, Rows.Stride(classes), isDiagonal);
        _values = new float[isDiagonal ? _stride : classes * _stride];
    }

    /// <summary><c>A = diag(diagonal)</c>.</summary>
    public static Coupling Diagonal(ReadOnlySpan<float> diagonal)
    {
        var coupling = new Coupling(diagonal.Length, isDiagonal: true);
        diagonal.CopyTo(coupling._values);
        return coupling;
    }

    /// <summary>A whole matrix.</summary>
    /// <param name="classes">C.</param>
    /// <param name="element">A(l, m).</param>
    public static Coupling Full(int classes, Func<int, int, double> element)
    {
        var coupling = new Coupling(classes, isDiagonal: false);
        for (int m = 0; m < classes; m++)
        {
            for (int l = 0; l < classes; l++)
            {
                coupling._values[(m * coupling._stride) + l] = (float)element(l, m);
            }
        }

        return coupling;
    }

    public Coupling Transpose()
    {
        return _isDiagonal ? this : Full(_classes, (l, m) => _values[(l * _stride) + m]);
    }

    /// <summary><c>target(i) += A · x(i)</c> for every pixel; target is not x.</summary>
    public void Add(float[] x, float[] target, int points, Pieces pieces) => pieces.For(points, Rows.Grain, (begin, end) =>
    {
        for (int row = begin * _stride; row < end * _stride; row += _stride)
        {
            for (int c = 0; c < _stride; c += Rows.Lanes)
            {
                Vector256<float> sum = Vector256.LoadUnsafe(ref target[row + c]);
                if (_isDiagonal)
                {
                    sum = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref _values[c]), Vector256.LoadUnsafe(ref x[row + c]), sum);
                }
                else
                {
                    for (int m = 0; m < _classes; m++)
                    {
                        sum = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref _values[(m * _stride) + c]), Vector256.Create(x[row + m]), sum);
                    }
                }

                sum.StoreUnsafe(ref target[row + c]);
            }
        }
    });
}
