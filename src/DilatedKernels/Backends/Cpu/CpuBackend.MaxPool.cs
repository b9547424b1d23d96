using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void MaxPoolForward(in Pool2dGeometry geometry, DeviceBuffer x, DeviceBuffer y, DeviceBuffer? winner)
    {
        Pool2dGeometry g = geometry;
        float* from = Floats(x);
        float* to = Floats(y);
        byte* choice = winner is null ? null : Bytes(winner);
        _pool.For(checked(g.Batch * g.OutHeight), row =>
        {
            int n = row / g.OutHeight;
            int top = ((row % g.OutHeight) * g.StrideH) - g.PadH;
            float* image = from + ((long)n * g.InHeight * g.InWidth * g.Channels);
            for (int ox = 0; ox < g.OutWidth; ox++)
            {
                long target = (((long)row * g.OutWidth) + ox) * g.Channels;
                var window = PoolWindow.Clip(g, top, (ox * g.StrideW) - g.PadW);
                MaxOverWindow(g, window, image, to + target, choice is null ? null : choice + target);
            }
        });
    }

    public override void MaxPoolBackward(in Pool2dGeometry geometry, DeviceBuffer dy, DeviceBuffer winner, DeviceBuffer dx)
    {
        Pool2dGeometry g = geometry;
        float* from = Floats(dy);
        float* to = Floats(dx);
        byte* choice = Bytes(winner);
        _pool.For(checked(g.Batch * g.InHeight), row =>
        {
            int n = row / g.InHeight;
            int py = (row % g.InHeight) + g.PadH;
            (int firstRow, int lastRow) = WindowsOver(py, g.KernelH, g.StrideH, g.OutHeight);
            for (int ix = 0; ix < g.InWidth; ix++)
            {
                int px = ix + g.PadW;
                (int firstColumn, int lastColumn) = WindowsOver(px, g.KernelW, g.StrideW, g.OutWidth);
                float* target = to + ((((long)row * g.InWidth) + ix) * g.Channels);
                new Span<float>(target, g.Channels).Clear();
                for (int oy = firstRow; oy <= lastRow; oy++)
                {
                    for (int ox = firstColumn; ox <= lastColumn; ox++)
                    {
                        long source = (((((long)n * g.OutHeight) + oy) * g.OutWidth) + ox) * g.Channels;
                        int position = ((py - (oy * g.StrideH)) * g.KernelW) + (px - (ox * g.StrideW));
                        AddWhereChosen(position, from + source, choice + source, target, g.Channels);
                    }
                }
            }
        });
    }

    /// <summary>The outputs whose window covers a position, counted from the start of the leading padding.</summary>
    private static (int First, int Last) WindowsOver(int position, int kernel, int stride, int outputs) =>
        (Math.Max(0, (position - kernel + stride) / stride), Math.Min(outputs - 1, position / stride));

    private static void MaxOverWindow(in Pool2dGeometry g, in PoolWindow window, float* image, float* y, byte* choice)
    {
        int c = 0;
        for (; c <= g.Channels - SimdMath.Lanes; c += SimdMath.Lanes)
        {
            Vector256<float> best = default;
            Vector256<int> position = default;
            for (int ky = window.FirstY; ky < window.EndY; ky++)
            {
                for (int kx = window.FirstX; kx < window.EndX; kx++)
                {
                    Vector256<float> value = Vector256.Load(image + ((((long)(window.Top + ky) * g.InWidth) + window.Left + kx) * g.Channels) + c);
                    Vector256<int> here = Vector256.Create((ky * g.KernelW) + kx);
                    if (ky == window.FirstY && kx == window.FirstX)
                    {
                        (best, position) = (value, here);
                        continue;
                    }

                    Vector256<float> wins = Vector256.GreaterThan(value, best) | ~Vector256.Equals(value, value);
                    best = Vector256.ConditionalSelect(wins, value, best);
                    position = Vector256.ConditionalSelect(wins.AsInt32(), here, position);
                }
            }

            best.Store(y + c);
            if (choice is not null)
            {
                Vector128<short> shorts = Vector128.Narrow(position.GetLower(), position.GetUpper());
                *(ulong*)(choice + c) = Vector128.Narrow(shorts.AsUInt16(), shorts.AsUInt16()).AsUInt64()[0];
            }
        }

        for (; c < g.Channels; c++)
        {
            float best = 0;
            int position = -1;
            for (int ky = window.FirstY; ky < window.EndY; ky++)
            {
                for (int kx = window.FirstX; kx < window.EndX; kx++)
                {
                    float value = image[((((long)(window.Top + ky) * g.InWidth) + window.Left + kx) * g.Channels) + c];
                    if (position < 0 || value > best || float.IsNaN(value))
                    {
                        (best, position) = (value, (ky * g.KernelW) + kx);
                    }
                }
            }

            y[c] = best;
            if (choice is not null)
            {
                choice[c] = (byte)position;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddWhereChosen(int position, float* dy, byte* choice, float* dx, int channels)
    {
        int c = 0;
        Vector256<int> wanted = Vector256.Create(position);
        for (; c <= channels - SimdMath.Lanes; c += SimdMath.Lanes)
        {
            Vector128<ushort> shorts = Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)(choice + c)).AsByte());
            (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(shorts);
            Vector256<int> chosen = Vector256.Equals(Vector256.Create(lower, upper).AsInt32(), wanted);
            (Vector256.Load(dx + c) + (Vector256.Load(dy + c) & chosen.AsSingle())).Store(dx + c);
        }

        for (; c < channels; c++)
        {
            if (choice[c] == position)
            {
                dx[c] += dy[c];
            }
        }
    }

    /// <summary>The part of a window inside the input: taps <c>[FirstY, EndY) × [FirstX, EndX)</c> of a window that starts at (Top, Left).</summary>
    private readonly record struct PoolWindow(int Top, int Left, int FirstY, int EndY, int FirstX, int EndX)
    {
        public static PoolWindow Clip(in Pool2dGeometry g, int top, int left) => new(
            top, left,
            Math.Max(0, -top), Math.Min(g.KernelH, g.InHeight - top),
            Math.Max(0, -left), Math.Min(g.KernelW, g.InWidth - left));
    }
}
