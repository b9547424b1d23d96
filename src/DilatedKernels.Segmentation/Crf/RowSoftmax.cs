using System.Runtime.Intrinsics;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>Softmax over the classes of every row. Padding counts as probability 0.</summary>
internal static class RowSoftmax
{
    /// <summary><c>q = softmax(s)</c>; q may be s.</summary>
    public static void Forward(float[] scores, float[] probabilities, int points, int classes, Pieces pieces)
    {
        int stride = Rows.Stride(classes);
        Vector256<float> inside = LastLanes(classes);
        pieces.For(points, Rows.Grain, (begin, end) =>
        {
            for (int row = begin * stride; row < end * stride; row += stride)
            {
                Vector256<float> largest = Vector256.Create(float.NegativeInfinity);
                for (int c = 0; c < stride; c += Rows.Lanes)
                {
                    largest = Vector256.Max(largest, Masked(scores, row, c, stride, inside));
                }

                float max = float.NegativeInfinity;
                for (int lane = 0; lane < Rows.Lanes; lane++)
                {
                    max = MathF.Max(max, largest[lane]);
                }

                Vector256<float> sums = Vector256<float>.Zero;
                for (int c = 0; c < stride; c += Rows.Lanes)
                {
                    Vector256<float> term = Vector256.Exp(Masked(scores, row, c, stride, inside) - Vector256.Create(max));
                    sums += term;
                    term.StoreUnsafe(ref probabilities[row + c]);
                }

                Vector256<float> factor = Vector256.Create(1 / Vector256.Sum(sums));
                for (int c = 0; c < stride; c += Rows.Lanes)
                {
                    (Vector256.LoadUnsafe(ref probabilities[row + c]) * factor).StoreUnsafe(ref probabilities[row + c]);
                }
            }
        });
    }

    /// <summary><c>ds = q ∘ (dq − Σ q·dq)</c>, written over dq.</summary>
    public static void Backward(float[] probabilities, float[] gradient, int points, int classes, Pieces pieces)
    {
        int stride = Rows.Stride(classes);
        pieces.For(points, Rows.Grain, (begin, end) =>
        {
            for (int row = begin * stride; row < end * stride; row += stride)
            {
                Vector256<float> products = Vector256<float>.Zero;
                for (int c = 0; c < stride; c += Rows.Lanes)
                {
                    products = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref probabilities[row + c]), Vector256.LoadUnsafe(ref gradient[row + c]), products);
                }

                Vector256<float> mean = Vector256.Create(Vector256.Sum(products));
                for (int c = 0; c < stride; c += Rows.Lanes)
                {
                    Vector256<float> centred = Vector256.LoadUnsafe(ref gradient[row + c]) - mean;
                    (Vector256.LoadUnsafe(ref probabilities[row + c]) * centred).StoreUnsafe(ref gradient[row + c]);
                }
            }
        });
    }

    private static Vector256<float> Masked(float[] scores, int row, int c, int stride, Vector256<float> inside)
    {
        Vector256<float> values = Vector256.LoadUnsafe(ref scores[row + c]);
        return c + Rows.Lanes < stride ? values : Vector256.ConditionalSelect(inside, values, Vector256.Create(float.NegativeInfinity));
    }

    /// <summary>All ones in the lanes of the last vector that are classes.</summary>
    private static Vector256<float> LastLanes(int classes) =>
        Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(classes - (Rows.Stride(classes) - Rows.Lanes))).AsSingle();
}
