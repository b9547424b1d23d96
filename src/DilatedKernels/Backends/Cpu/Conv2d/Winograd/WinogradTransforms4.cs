using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>
/// The linear maps around the 36 products of F(4×4, 3×3), channel by channel: <c>y = Aᵀ·[(G·w·Gᵀ) ∘ (Bᵀ·x·B)]·A</c>, and for the gradient of w
/// <c>dw = Gᵀ·[(A·dy·Aᵀ) ∘ (Bᵀ·x·B)]·G</c>. They are those of the points 0, ±a, ±b and infinity (Winograd 1980), with a = ¾ and b = 3/2:
/// <code>
///        a²b²    0  −a²−b²    0   1  0          1/a²b²     0      0
///          0  −ab²   −b²     a   1  0            1/f     a/f    a²/f      f = 2a²(a² − b²)
///   Bᵀ =   0   ab²   −b²    −a   1  0      G =   1/f    −a/f    a²/f      g = 2b²(b² − a²)
///          0  −a²b   −a²     b   1  0            1/g     b/g    b²/g
///          0   a²b   −a²    −b   1  0            1/g    −b/g    b²/g
///          0  a²b²     0  −a²−b²  0  1             0       0      1
///
///         1  1   1   1   1  0
///   Aᵀ =  0  a  −a   b  −b  0
///         0  a²  a²  b²  b² 0
///         0  a³ −a³  b³ −b³ 1
/// </code>
/// With the usual points 0, ±1 and ±2 the rounding error is four times as large. All coefficients but those of G are exact in binary.
/// Each map is applied to the columns first, and then to the rows of what that gave.
/// </summary>
internal static unsafe class WinogradTransforms4
{
    private const float A = 0.75f;
    private const float B = 1.5f;
    private const float A2 = A * A;
    private const float B2 = B * B;
    private const float F = 2 * A2 * (A2 - B2);
    private const float G = 2 * B2 * (B2 - A2);

    /// <summary><c>Bᵀ·x·B</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input<TVector, TWidth>(TileTransform* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        float** pixels = arguments->Pixels;
        nint step = arguments->ValueStep;
        float* to = arguments->Target;
        nint pixel = 0;
        for (int tile = arguments->Tiles; tile > 0; tile--, pixel += arguments->PixelStep, to += arguments->TileStep)
        {
            float* next = to;
            nint at = pixel;
            for (int left = arguments->Vectors; left > 0; left--, at += TWidth.Lanes, next += TWidth.Lanes)
            {
                float* t = next;
                float** p = pixels;
                for (int column = 0; column < 6; column++, p++, t += step)
                {
                    InputAxis<TVector, TWidth>(
                        TWidth.Load(p[0] + at), TWidth.Load(p[6] + at), TWidth.Load(p[12] + at), TWidth.Load(p[18] + at), TWidth.Load(p[24] + at), TWidth.Load(p[30] + at), t, 6 * step);
                }

                t = next;
                for (int row = 0; row < 6; row++, t += 6 * step)
                {
                    InputAxis<TVector, TWidth>(
                        TWidth.Load(t), TWidth.Load(t + step), TWidth.Load(t + (2 * step)), TWidth.Load(t + (3 * step)), TWidth.Load(t + (4 * step)), TWidth.Load(t + (5 * step)), t, step);
                }
            }
        }
    }

    /// <summary><c>A·dy·Aᵀ</c> of four by four pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradient<TVector, TWidth>(TileTransform* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        float** pixels = arguments->Pixels;
        nint step = arguments->ValueStep;
        float* to = arguments->Target;
        nint pixel = 0;
        for (int tile = arguments->Tiles; tile > 0; tile--, pixel += arguments->PixelStep, to += arguments->TileStep)
        {
            float* next = to;
            nint at = pixel;
            for (int left = arguments->Vectors; left > 0; left--, at += TWidth.Lanes, next += TWidth.Lanes)
            {
                float* t = next;
                float** p = pixels;
                for (int column = 0; column < 4; column++, p++, t += step)
                {
                    GradientAxis<TVector, TWidth>(TWidth.Load(p[0] + at), TWidth.Load(p[4] + at), TWidth.Load(p[8] + at), TWidth.Load(p[12] + at), t, 6 * step);
                }

                t = next;
                for (int row = 0; row < 6; row++, t += 6 * step)
                {
                    GradientAxis<TVector, TWidth>(TWidth.Load(t), TWidth.Load(t + step), TWidth.Load(t + (2 * step)), TWidth.Load(t + (3 * step)), t, step);
                }
            }
        }
    }

    /// <summary><c>Aᵀ·m·A</c>, then bias, ReLU and mask. The last vector ends at the last channel: it may overlap the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Output<TVector, TWidth>(OutputTransform* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        nint step = arguments->ValueStep;
        int channels = arguments->Channels;
        float* source = arguments->Source;
        float* pixel = arguments->Target;
        for (int tile = arguments->Tiles; tile > 0; tile--, source += arguments->TileStep, pixel += arguments->PixelStep)
        {
            for (int next = 0; next < channels; next += TWidth.Lanes)
            {
                int channel = Math.Min(next, channels - TWidth.Lanes);
                float* m = source + channel;
                float* t = arguments->Scratch;
                for (int column = 0; column < 6; column++, m += step, t += TWidth.Lanes)
                {
                    OutputAxis<TVector, TWidth>(
                        TWidth.Load(m), TWidth.Load(m + (6 * step)), TWidth.Load(m + (12 * step)), TWidth.Load(m + (18 * step)), TWidth.Load(m + (24 * step)), TWidth.Load(m + (30 * step)),
                        out TVector y0, out TVector y1, out TVector y2, out TVector y3);
                    TWidth.Store(y0, t);
                    TWidth.Store(y1, t + (6 * TWidth.Lanes));
                    TWidth.Store(y2, t + (12 * TWidth.Lanes));
                    TWidth.Store(y3, t + (18 * TWidth.Lanes));
                }

                t = arguments->Scratch;
                float* to = pixel + channel;
                for (int row = arguments->Rows; row > 0; row--, t += 6 * TWidth.Lanes, to += arguments->RowStep)
                {
                    OutputAxis<TVector, TWidth>(
                        TWidth.Load(t), TWidth.Load(t + TWidth.Lanes), TWidth.Load(t + (2 * TWidth.Lanes)), TWidth.Load(t + (3 * TWidth.Lanes)), TWidth.Load(t + (4 * TWidth.Lanes)), TWidth.Load(t + (5 * TWidth.Lanes)),
                        out TVector y0, out TVector y1, out TVector y2, out TVector y3);
                    if (arguments->Bias != null)
                    {
                        TVector bias = TWidth.Load(arguments->Bias + channel);
                        y0 = TWidth.Add(y0, bias);
                        y1 = TWidth.Add(y1, bias);
                        y2 = TWidth.Add(y2, bias);
                        y3 = TWidth.Add(y3, bias);
                    }

                    if (arguments->Relu)
                    {
                        y0 = TWidth.Relu(y0);
                        y1 = TWidth.Relu(y1);
                        y2 = TWidth.Relu(y2);
                        y3 = TWidth.Relu(y3);
                    }

                    nint columnStep = arguments->ColumnStep;
                    // Whole tiles are most, and have no need to come by memory once more.
                    if (arguments->Columns == 4)
                    {
                        if (arguments->ToMask != 0)
                        {
                            byte* mask = (byte*)to + arguments->ToMask;
                            nint columnBytes = columnStep * sizeof(float);
                            y0 = TWidth.Masked(y0, TWidth.Load(mask));
                            y1 = TWidth.Masked(y1, TWidth.Load(mask + columnBytes));
                            y2 = TWidth.Masked(y2, TWidth.Load(mask + (2 * columnBytes)));
                            y3 = TWidth.Masked(y3, TWidth.Load(mask + (3 * columnBytes)));
                        }

                        TWidth.Store(y0, to);
                        TWidth.Store(y1, to + columnStep);
                        TWidth.Store(y2, to + (2 * columnStep));
                        TWidth.Store(y3, to + (3 * columnStep));
                        continue;
                    }

                    TWidth.Store(y0, t);
                    TWidth.Store(y1, t + TWidth.Lanes);
                    TWidth.Store(y2, t + (2 * TWidth.Lanes));
                    for (int column = 0; column < arguments->Columns; column++)
                    {
                        float* target = to + (column * columnStep);
                        TVector y = TWidth.Load(t + (column * TWidth.Lanes));
                        TWidth.Store(arguments->ToMask != 0 ? TWidth.Masked(y, TWidth.Load((byte*)target + arguments->ToMask)) : y, target);
                    }
                }
            }
        }
    }

    /// <summary><c>G·w·Gᵀ</c>: nine vectors to 36.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Weight<TVector, TWidth>(TransformArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        nint row = arguments->RowStep;
        nint step = arguments->TargetStep;
        float* from = arguments->Source;
        float* to = arguments->Target;
        for (int left = arguments->Vectors; left > 0; left--, from += TWidth.Lanes, to += TWidth.Lanes)
        {
            float* w = from;
            float* t = to;
            for (int column = 0; column < 3; column++, w += arguments->ColumnStep, t += step)
            {
                WeightAxis<TVector, TWidth>(TWidth.Load(w), TWidth.Load(w + row), TWidth.Load(w + (2 * row)), t, 6 * step);
            }

            t = to;
            for (int i = 0; i < 6; i++, t += 6 * step)
            {
                WeightAxis<TVector, TWidth>(TWidth.Load(t), TWidth.Load(t + step), TWidth.Load(t + (2 * step)), t, step);
            }
        }
    }

    /// <summary><c>Gᵀ·m·G</c>: 36 vectors, which are overwritten, to nine. Source steps are RowStep and ColumnStep.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WeightGradient<TVector, TWidth>(TransformArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        nint row = arguments->RowStep;
        nint column = arguments->ColumnStep;
        nint step = arguments->TargetStep;
        float* from = arguments->Source;
        float* to = arguments->Target;
        for (int left = arguments->Vectors; left > 0; left--, from += TWidth.Lanes, to += TWidth.Lanes)
        {
            float* m = from;
            for (int i = 0; i < 6; i++, m += column)
            {
                WeightGradientAxis<TVector, TWidth>(
                    TWidth.Load(m), TWidth.Load(m + row), TWidth.Load(m + (2 * row)), TWidth.Load(m + (3 * row)), TWidth.Load(m + (4 * row)), TWidth.Load(m + (5 * row)), m, row);
            }

            m = from;
            float* t = to;
            for (int i = 0; i < 3; i++, m += row, t += 3 * step)
            {
                WeightGradientAxis<TVector, TWidth>(
                    TWidth.Load(m), TWidth.Load(m + column), TWidth.Load(m + (2 * column)), TWidth.Load(m + (3 * column)), TWidth.Load(m + (4 * column)), TWidth.Load(m + (5 * column)), t, step);
            }
        }
    }

    /// <summary>Bᵀ times a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InputAxis<TVector, TWidth>(TVector x0, TVector x1, TVector x2, TVector x3, TVector x4, TVector x5, float* t, nint step)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        TVector sum = TWidth.Create(A2 + B2);
        TVector product = TWidth.Create(A2 * B2);
        TWidth.Store(TWidth.MultiplyAdd(product, x0, TWidth.SubtractProduct(x4, sum, x2)), t);
        TWidth.Store(TWidth.MultiplyAdd(product, x1, TWidth.SubtractProduct(x5, sum, x3)), t + (5 * step));
        TVector even = TWidth.SubtractProduct(x4, TWidth.Create(B2), x2);
        TVector odd = TWidth.SubtractProduct(x3, TWidth.Create(B2), x1);
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(A), odd, even), t + step);
        TWidth.Store(TWidth.SubtractProduct(even, TWidth.Create(A), odd), t + (2 * step));
        even = TWidth.SubtractProduct(x4, TWidth.Create(A2), x2);
        odd = TWidth.SubtractProduct(x3, TWidth.Create(A2), x1);
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(B), odd, even), t + (3 * step));
        TWidth.Store(TWidth.SubtractProduct(even, TWidth.Create(B), odd), t + (4 * step));
    }

    /// <summary>A times a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GradientAxis<TVector, TWidth>(TVector y0, TVector y1, TVector y2, TVector y3, float* t, nint step)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        TWidth.Store(y0, t);
        TWidth.Store(y3, t + (5 * step));
        TVector even = TWidth.MultiplyAdd(TWidth.Create(A2), y2, y0);
        TVector odd = TWidth.MultiplyAdd(TWidth.Create(A2), y3, y1);
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(A), odd, even), t + step);
        TWidth.Store(TWidth.SubtractProduct(even, TWidth.Create(A), odd), t + (2 * step));
        even = TWidth.MultiplyAdd(TWidth.Create(B2), y2, y0);
        odd = TWidth.MultiplyAdd(TWidth.Create(B2), y3, y1);
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(B), odd, even), t + (3 * step));
        TWidth.Store(TWidth.SubtractProduct(even, TWidth.Create(B), odd), t + (4 * step));
    }

    /// <summary>Aᵀ times a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputAxis<TVector, TWidth>(TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        TVector sumA = TWidth.Add(m1, m2);
        TVector sumB = TWidth.Add(m3, m4);
        y0 = TWidth.Add(TWidth.Add(m0, sumA), sumB);
        y2 = TWidth.MultiplyAdd(TWidth.Create(A2), sumA, TWidth.Multiply(TWidth.Create(B2), sumB));
        TVector differenceA = TWidth.Subtract(m1, m2);
        TVector differenceB = TWidth.Subtract(m3, m4);
        y1 = TWidth.MultiplyAdd(TWidth.Create(A), differenceA, TWidth.Multiply(TWidth.Create(B), differenceB));
        y3 = TWidth.MultiplyAdd(TWidth.Create(A * A2), differenceA, TWidth.MultiplyAdd(TWidth.Create(B * B2), differenceB, m5));
    }

    /// <summary>G times a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightAxis<TVector, TWidth>(TVector w0, TVector w1, TVector w2, float* t, nint step)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        TWidth.Store(TWidth.Multiply(TWidth.Create(1 / (A2 * B2)), w0), t);
        TWidth.Store(w2, t + (5 * step));
        TVector even = TWidth.Multiply(TWidth.Create(1 / F), TWidth.MultiplyAdd(TWidth.Create(A2), w2, w0));
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(A / F), w1, even), t + step);
        TWidth.Store(TWidth.SubtractProduct(even, TWidth.Create(A / F), w1), t + (2 * step));
        even = TWidth.Multiply(TWidth.Create(1 / G), TWidth.MultiplyAdd(TWidth.Create(B2), w2, w0));
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(B / G), w1, even), t + (3 * step));
        TWidth.Store(TWidth.SubtractProduct(even, TWidth.Create(B / G), w1), t + (4 * step));
    }

    /// <summary>Gᵀ times a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightGradientAxis<TVector, TWidth>(TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, float* t, nint step)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        TVector sumA = TWidth.Multiply(TWidth.Create(1 / F), TWidth.Add(m1, m2));
        TVector sumB = TWidth.Multiply(TWidth.Create(1 / G), TWidth.Add(m3, m4));
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(1 / (A2 * B2)), m0, TWidth.Add(sumA, sumB)), t);
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(A2), sumA, TWidth.MultiplyAdd(TWidth.Create(B2), sumB, m5)), t + (2 * step));
        TVector difference = TWidth.Multiply(TWidth.Create(B / G), TWidth.Subtract(m3, m4));
        TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(A / F), TWidth.Subtract(m1, m2), difference), t + step);
    }
}
