using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>
/// The linear maps around the sixteen products of F(2×2, 3×3) (Winograd 1980; Lavin and Gray 2016), channel by channel:
/// <c>y = Aᵀ·[(G·w·Gᵀ) ∘ (Bᵀ·x·B)]·A</c> with
/// <code>
///        1  0 −1  0            1   0   0
///   Bᵀ = 0  1  1  0      G =   ½   ½   ½      Aᵀ = 1  1  1  0
///        0 −1  1  0            ½  −½   ½           0  1 −1 −1
///        0  1  0 −1            0   0   1
/// </code>
/// and, for the gradient of w, their transposes: <c>dw = Gᵀ·[(A·dy·Aᵀ) ∘ (Bᵀ·x·B)]·G</c>.
/// </summary>
internal static unsafe class WinogradTransforms2
{
    /// <summary><c>Bᵀ·x·B</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Input<TVector, TWidth>(TileTransform* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        float** p = arguments->Pixels;
        nint step = arguments->ValueStep;
        float* to = arguments->Target;
        nint pixel = 0;
        for (int tile = arguments->Tiles; tile > 0; tile--, pixel += arguments->PixelStep, to += arguments->TileStep)
        {
            float* next = to;
            nint at = pixel;
            for (int left = arguments->Vectors; left > 0; left--, at += TWidth.Lanes, next += TWidth.Lanes)
            {
                TVector a0 = TWidth.Load(p[4] + at), a1 = TWidth.Load(p[5] + at), a2 = TWidth.Load(p[6] + at), a3 = TWidth.Load(p[7] + at);
                TVector b0 = TWidth.Load(p[8] + at), b1 = TWidth.Load(p[9] + at), b2 = TWidth.Load(p[10] + at), b3 = TWidth.Load(p[11] + at);
                TVector x0 = TWidth.Subtract(TWidth.Load(p[0] + at), b0), x1 = TWidth.Subtract(TWidth.Load(p[1] + at), b1);
                TVector x2 = TWidth.Subtract(TWidth.Load(p[2] + at), b2), x3 = TWidth.Subtract(TWidth.Load(p[3] + at), b3);
                float* t = next;
                TWidth.Store(TWidth.Subtract(x0, x2), t);
                TWidth.Store(TWidth.Add(x1, x2), t + step);
                TWidth.Store(TWidth.Subtract(x2, x1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(x1, x3), t + (3 * step));
                t += 4 * step;
                x0 = TWidth.Add(a0, b0);
                x1 = TWidth.Add(a1, b1);
                x2 = TWidth.Add(a2, b2);
                x3 = TWidth.Add(a3, b3);
                TWidth.Store(TWidth.Subtract(x0, x2), t);
                TWidth.Store(TWidth.Add(x1, x2), t + step);
                TWidth.Store(TWidth.Subtract(x2, x1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(x1, x3), t + (3 * step));
                t += 4 * step;
                x0 = TWidth.Subtract(b0, a0);
                x1 = TWidth.Subtract(b1, a1);
                x2 = TWidth.Subtract(b2, a2);
                x3 = TWidth.Subtract(b3, a3);
                TWidth.Store(TWidth.Subtract(x0, x2), t);
                TWidth.Store(TWidth.Add(x1, x2), t + step);
                TWidth.Store(TWidth.Subtract(x2, x1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(x1, x3), t + (3 * step));
                t += 4 * step;
                x0 = TWidth.Subtract(a0, TWidth.Load(p[12] + at));
                x1 = TWidth.Subtract(a1, TWidth.Load(p[13] + at));
                x2 = TWidth.Subtract(a2, TWidth.Load(p[14] + at));
                x3 = TWidth.Subtract(a3, TWidth.Load(p[15] + at));
                TWidth.Store(TWidth.Subtract(x0, x2), t);
                TWidth.Store(TWidth.Add(x1, x2), t + step);
                TWidth.Store(TWidth.Subtract(x2, x1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(x1, x3), t + (3 * step));
            }
        }
    }

    /// <summary><c>A·dy·Aᵀ</c> of two by two pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradient<TVector, TWidth>(TileTransform* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        float* p0 = arguments->Pixels[0];
        float* p1 = arguments->Pixels[1];
        float* p2 = arguments->Pixels[2];
        float* p3 = arguments->Pixels[3];
        nint step = arguments->ValueStep;
        float* to = arguments->Target;
        nint pixel = 0;
        for (int tile = arguments->Tiles; tile > 0; tile--, pixel += arguments->PixelStep, to += arguments->TileStep)
        {
            float* next = to;
            nint at = pixel;
            for (int left = arguments->Vectors; left > 0; left--, at += TWidth.Lanes, next += TWidth.Lanes)
            {
                TVector a0 = TWidth.Load(p0 + at), a1 = TWidth.Load(p1 + at), b0 = TWidth.Load(p2 + at), b1 = TWidth.Load(p3 + at);
                float* t = next;
                TWidth.Store(a0, t);
                TWidth.Store(TWidth.Add(a0, a1), t + step);
                TWidth.Store(TWidth.Subtract(a0, a1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(default, a1), t + (3 * step));
                t += 4 * step;
                TVector s0 = TWidth.Add(a0, b0), s1 = TWidth.Add(a1, b1);
                TWidth.Store(s0, t);
                TWidth.Store(TWidth.Add(s0, s1), t + step);
                TWidth.Store(TWidth.Subtract(s0, s1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(default, s1), t + (3 * step));
                t += 4 * step;
                s0 = TWidth.Subtract(a0, b0);
                s1 = TWidth.Subtract(a1, b1);
                TWidth.Store(s0, t);
                TWidth.Store(TWidth.Add(s0, s1), t + step);
                TWidth.Store(TWidth.Subtract(s0, s1), t + (2 * step));
                TWidth.Store(TWidth.Subtract(default, s1), t + (3 * step));
                t += 4 * step;
                TWidth.Store(TWidth.Subtract(default, b0), t);
                TWidth.Store(TWidth.Subtract(TWidth.Subtract(default, b0), b1), t + step);
                TWidth.Store(TWidth.Subtract(b1, b0), t + (2 * step));
                TWidth.Store(b1, t + (3 * step));
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
        nint step3 = 3 * step;
        int channels = arguments->Channels;
        float* source = arguments->Source;
        float* pixel = arguments->Target;
        for (int tile = arguments->Tiles; tile > 0; tile--, source += arguments->TileStep, pixel += arguments->PixelStep)
        {
            for (int next = 0; next < channels; next += TWidth.Lanes)
            {
                int channel = Math.Min(next, channels - TWidth.Lanes);
                float* m0 = source + channel;
                float* m1 = m0 + (4 * step);
                float* m2 = m1 + (4 * step);
                float* m3 = m2 + (4 * step);
                TVector u = TWidth.Load(m1), v = TWidth.Load(m2);
                TVector upper0 = TWidth.Add(TWidth.Add(TWidth.Load(m0), u), v);
                TVector lower0 = TWidth.Subtract(TWidth.Subtract(u, v), TWidth.Load(m3));
                u = TWidth.Load(m1 + step);
                v = TWidth.Load(m2 + step);
                TVector upper1 = TWidth.Add(TWidth.Add(TWidth.Load(m0 + step), u), v);
                TVector lower1 = TWidth.Subtract(TWidth.Subtract(u, v), TWidth.Load(m3 + step));
                u = TWidth.Load(m1 + (2 * step));
                v = TWidth.Load(m2 + (2 * step));
                TVector upper2 = TWidth.Add(TWidth.Add(TWidth.Load(m0 + (2 * step)), u), v);
                TVector lower2 = TWidth.Subtract(TWidth.Subtract(u, v), TWidth.Load(m3 + (2 * step)));
                u = TWidth.Load(m1 + step3);
                v = TWidth.Load(m2 + step3);
                TVector upper3 = TWidth.Add(TWidth.Add(TWidth.Load(m0 + step3), u), v);
                TVector lower3 = TWidth.Subtract(TWidth.Subtract(u, v), TWidth.Load(m3 + step3));

                TVector y00 = TWidth.Add(TWidth.Add(upper0, upper1), upper2);
                TVector y01 = TWidth.Subtract(TWidth.Subtract(upper1, upper2), upper3);
                TVector y10 = TWidth.Add(TWidth.Add(lower0, lower1), lower2);
                TVector y11 = TWidth.Subtract(TWidth.Subtract(lower1, lower2), lower3);
                if (arguments->Bias != null)
                {
                    TVector bias = TWidth.Load(arguments->Bias + channel);
                    y00 = TWidth.Add(y00, bias);
                    y01 = TWidth.Add(y01, bias);
                    y10 = TWidth.Add(y10, bias);
                    y11 = TWidth.Add(y11, bias);
                }

                if (arguments->Relu)
                {
                    y00 = TWidth.Relu(y00);
                    y01 = TWidth.Relu(y01);
                    y10 = TWidth.Relu(y10);
                    y11 = TWidth.Relu(y11);
                }

                float* target = pixel + channel;
                if (arguments->ToMask != 0)
                {
                    // Outputs that do not exist have no mask either.
                    float* mask = (float*)((byte*)target + arguments->ToMask);
                    nint column = arguments->Columns > 1 ? arguments->ColumnStep : 0;
                    nint row = arguments->Rows > 1 ? arguments->RowStep : 0;
                    y00 = TWidth.Masked(y00, TWidth.Load(mask));
                    y01 = TWidth.Masked(y01, TWidth.Load(mask + column));
                    y10 = TWidth.Masked(y10, TWidth.Load(mask + row));
                    y11 = TWidth.Masked(y11, TWidth.Load(mask + row + column));
                }

                TWidth.Store(y00, target);
                if (arguments->Columns > 1)
                {
                    TWidth.Store(y01, target + arguments->ColumnStep);
                }

                if (arguments->Rows > 1)
                {
                    target += arguments->RowStep;
                    TWidth.Store(y10, target);
                    if (arguments->Columns > 1)
                    {
                        TWidth.Store(y11, target + arguments->ColumnStep);
                    }
                }
            }
        }
    }

    /// <summary><c>G·w·Gᵀ</c>: nine vectors to sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Weight<TVector, TWidth>(TransformArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        nint column = arguments->ColumnStep;
        nint step = arguments->TargetStep;
        float* r0 = arguments->Source;
        float* r1 = r0 + arguments->RowStep;
        float* r2 = r1 + arguments->RowStep;
        float* to = arguments->Target;
        for (int left = arguments->Vectors; left > 0; left--)
        {
            TVector a0 = TWidth.Load(r0), a1 = TWidth.Load(r0 + column), a2 = TWidth.Load(r0 + (2 * column));
            TVector c0 = TWidth.Load(r2), c1 = TWidth.Load(r2 + column), c2 = TWidth.Load(r2 + (2 * column));
            float* t = to;
            TVector even = TWidth.Add(a0, a2);
            TWidth.Store(a0, t);
            TWidth.Store(TWidth.Halve(TWidth.Add(even, a1)), t + step);
            TWidth.Store(TWidth.Halve(TWidth.Subtract(even, a1)), t + (2 * step));
            TWidth.Store(a2, t + (3 * step));
            t += 4 * step;
            a0 = TWidth.Add(a0, c0);
            a1 = TWidth.Add(a1, c1);
            a2 = TWidth.Add(a2, c2);
            TVector b0 = TWidth.Load(r1), b1 = TWidth.Load(r1 + column), b2 = TWidth.Load(r1 + (2 * column));
            TVector s0 = TWidth.Halve(TWidth.Add(a0, b0)), s1 = TWidth.Halve(TWidth.Add(a1, b1)), s2 = TWidth.Halve(TWidth.Add(a2, b2));
            even = TWidth.Add(s0, s2);
            TWidth.Store(s0, t);
            TWidth.Store(TWidth.Halve(TWidth.Add(even, s1)), t + step);
            TWidth.Store(TWidth.Halve(TWidth.Subtract(even, s1)), t + (2 * step));
            TWidth.Store(s2, t + (3 * step));
            t += 4 * step;
            s0 = TWidth.Halve(TWidth.Subtract(a0, b0));
            s1 = TWidth.Halve(TWidth.Subtract(a1, b1));
            s2 = TWidth.Halve(TWidth.Subtract(a2, b2));
            even = TWidth.Add(s0, s2);
            TWidth.Store(s0, t);
            TWidth.Store(TWidth.Halve(TWidth.Add(even, s1)), t + step);
            TWidth.Store(TWidth.Halve(TWidth.Subtract(even, s1)), t + (2 * step));
            TWidth.Store(s2, t + (3 * step));
            t += 4 * step;
            even = TWidth.Add(c0, c2);
            TWidth.Store(c0, t);
            TWidth.Store(TWidth.Halve(TWidth.Add(even, c1)), t + step);
            TWidth.Store(TWidth.Halve(TWidth.Subtract(even, c1)), t + (2 * step));
            TWidth.Store(c2, t + (3 * step));
            r0 += TWidth.Lanes;
            r1 += TWidth.Lanes;
            r2 += TWidth.Lanes;
            to += TWidth.Lanes;
        }
    }

    /// <summary><c>Gᵀ·m·G</c>: sixteen vectors to nine. Source steps are RowStep and ColumnStep.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WeightGradient<TVector, TWidth>(TransformArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        nint column = arguments->ColumnStep;
        nint column3 = 3 * column;
        nint step = arguments->TargetStep;
        float* r0 = arguments->Source;
        float* r1 = r0 + arguments->RowStep;
        float* r2 = r1 + arguments->RowStep;
        float* r3 = r2 + arguments->RowStep;
        float* to = arguments->Target;
        for (int left = arguments->Vectors; left > 0; left--)
        {
            TVector u0 = TWidth.Load(r1), v0 = TWidth.Load(r2);
            TVector u1 = TWidth.Load(r1 + column), v1 = TWidth.Load(r2 + column);
            TVector u2 = TWidth.Load(r1 + (2 * column)), v2 = TWidth.Load(r2 + (2 * column));
            TVector u3 = TWidth.Load(r1 + column3), v3 = TWidth.Load(r2 + column3);
            float* t = to + (3 * step);
            {
                TVector x1 = TWidth.Halve(TWidth.Subtract(u1, v1)), x2 = TWidth.Halve(TWidth.Subtract(u2, v2));
                TVector sum = TWidth.Halve(TWidth.Add(x1, x2));
                TWidth.Store(TWidth.Add(TWidth.Halve(TWidth.Subtract(u0, v0)), sum), t);
                TWidth.Store(TWidth.Halve(TWidth.Subtract(x1, x2)), t + step);
                TWidth.Store(TWidth.Add(sum, TWidth.Halve(TWidth.Subtract(u3, v3))), t + (2 * step));
            }

            u0 = TWidth.Halve(TWidth.Add(u0, v0));
            u1 = TWidth.Halve(TWidth.Add(u1, v1));
            u2 = TWidth.Halve(TWidth.Add(u2, v2));
            u3 = TWidth.Halve(TWidth.Add(u3, v3));
            t = to;
            {
                TVector x1 = TWidth.Add(TWidth.Load(r0 + column), u1), x2 = TWidth.Add(TWidth.Load(r0 + (2 * column)), u2);
                TVector sum = TWidth.Halve(TWidth.Add(x1, x2));
                TWidth.Store(TWidth.Add(TWidth.Add(TWidth.Load(r0), u0), sum), t);
                TWidth.Store(TWidth.Halve(TWidth.Subtract(x1, x2)), t + step);
                TWidth.Store(TWidth.Add(sum, TWidth.Add(TWidth.Load(r0 + column3), u3)), t + (2 * step));
            }

            t = to + (6 * step);
            {
                TVector x1 = TWidth.Add(u1, TWidth.Load(r3 + column)), x2 = TWidth.Add(u2, TWidth.Load(r3 + (2 * column)));
                TVector sum = TWidth.Halve(TWidth.Add(x1, x2));
                TWidth.Store(TWidth.Add(TWidth.Add(u0, TWidth.Load(r3)), sum), t);
                TWidth.Store(TWidth.Halve(TWidth.Subtract(x1, x2)), t + step);
                TWidth.Store(TWidth.Add(sum, TWidth.Add(u3, TWidth.Load(r3 + column3))), t + (2 * step));
            }

            r0 += TWidth.Lanes;
            r1 += TWidth.Lanes;
            r2 += TWidth.Lanes;
            r3 += TWidth.Lanes;
            to += TWidth.Lanes;
        }
    }
}
