using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// Lays weights out as the tile kernels stream them: panel by panel, <c>[tap][input channel][the panel's output channels]</c>,
/// zeros in the padding lanes.
/// </summary>
internal static unsafe class WeightPacking
{
    // A cache line of the source: read once, however far apart its rows are.
    private const int Block = 16;

    /// <summary>Floats of the packed weights.</summary>
    public static long Count(TileShape shape, int taps, int channels) => (long)shape.PaddedChannels * taps * channels;

    /// <summary>Packs <c>[K][taps][C]</c> for the forward pass: panels over K.</summary>
    public static void Forward(WorkerPool pool, TileShape shape, int taps, int channels, float* weight, float* packed) =>
        pool.For(shape.Panels * taps, piece =>
        {
            int panel = piece / taps;
            int tap = piece % taps;
            int lanes = shape.Columns(panel) * shape.Lanes;
            nint row = (nint)taps * channels;
            float* target = packed + (shape.ChannelBegin(panel) * row) + ((nint)tap * channels * lanes);
            float* source = weight + (shape.ChannelBegin(panel) * row) + ((nint)tap * channels);
            int used = shape.ChannelCount(panel);
            Transpose(source, row, used, channels, target, lanes);
            for (int c = 0; used < lanes && c < channels; c++)
            {
                new Span<float>(target + ((nint)c * lanes) + used, lanes - used).Clear();
            }
        });

    /// <summary>Packs <c>[K][taps][C]</c> for the input's gradient: taps in reverse, K takes the place of the input channels, panels over C.</summary>
    public static void Backward(WorkerPool pool, TileShape shape, int taps, int outChannels, float* weight, float* packed) =>
        pool.For(shape.Panels * taps, piece =>
        {
            int panel = piece / taps;
            int tap = piece % taps;
            int lanes = shape.Columns(panel) * shape.Lanes;
            int used = shape.ChannelCount(panel);
            float* target = packed + ((((nint)shape.ChannelBegin(panel) * taps) + ((nint)tap * lanes)) * outChannels);
            float* source = weight + ((taps - 1 - tap) * (nint)shape.Channels) + shape.ChannelBegin(panel);
            for (int k = 0; k < outChannels; k++, target += lanes, source += (nint)taps * shape.Channels)
            {
                new Span<float>(source, used).CopyTo(new Span<float>(target, lanes));
                new Span<float>(target + used, lanes - used).Clear();
            }
        });

    /// <summary><c>target[c][r] = source[r][c]</c>; steps are in floats.</summary>
    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose(float* source, nint sourceStep, int rows, int columns, float* target, nint targetStep)
    {
        for (int begin = 0; begin < columns; begin += Block)
        {
            int end = Math.Min(columns, begin + Block);
            int r = 0;
            for (; Sse.IsSupported && r + 4 <= rows; r += 4)
            {
                float* p = source + (r * sourceStep);
                float* t = target + (begin * targetStep) + r;
                int c = begin;
                for (; c + 4 <= end; c += 4, t += 4 * targetStep)
                {
                    Vector128<float> r0 = Vector128.Load(p + c);
                    Vector128<float> r1 = Vector128.Load(p + sourceStep + c);
                    Vector128<float> r2 = Vector128.Load(p + (2 * sourceStep) + c);
                    Vector128<float> r3 = Vector128.Load(p + (3 * sourceStep) + c);
                    Vector128<float> low01 = Sse.UnpackLow(r0, r1);
                    Vector128<float> low23 = Sse.UnpackLow(r2, r3);
                    Vector128<float> high01 = Sse.UnpackHigh(r0, r1);
                    Vector128<float> high23 = Sse.UnpackHigh(r2, r3);
                    Sse.MoveLowToHigh(low01, low23).Store(t);
                    Sse.MoveHighToLow(low23, low01).Store(t + targetStep);
                    Sse.MoveLowToHigh(high01, high23).Store(t + (2 * targetStep));
                    Sse.MoveHighToLow(high23, high01).Store(t + (3 * targetStep));
                }

                for (; c < end; c++, t += targetStep)
                {
                    t[0] = p[c];
                    t[1] = p[sourceStep + c];
                    t[2] = p[(2 * sourceStep) + c];
                    t[3] = p[(3 * sourceStep) + c];
                }
            }

            for (; r < rows; r++)
            {
                float* p = source + (r * sourceStep);
                for (int c = begin; c < end; c++)
                {
                    target[(c * targetStep) + r] = p[c];
                }
            }
        }
    }
}
