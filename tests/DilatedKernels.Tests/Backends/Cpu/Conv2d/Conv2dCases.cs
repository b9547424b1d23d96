using DilatedKernels.Backends;
using DilatedKernels.Tests.Operators;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>The convolutions that every backend's kernels are tried on: small maps, awkward extents.</summary>
internal static class Conv2dCases
{
    public static IEnumerable<Conv2dGeometry> All() => Geometries().Where(g => g.OutHeight > 0 && g.OutWidth > 0);

    /// <summary>Cases for the processor's kernels alone: the others' would take minutes.</summary>
    public static IEnumerable<Conv2dGeometry> Large()
    {
        // Sums of several chunks, two or more of which are done at one visit where the cache is large.
        yield return new Conv2dGeometry(1, 100, 24, 22, 130, 3, 3, 2, 2, 1, 1, 1, 1);
        yield return new Conv2dGeometry(1, 700, 9, 14, 64, 1, 1, 1, 1, 1, 1, 0, 0);
        // Windows by the choice itself: wide layers, several chunks of windows, rows in several pieces.
        yield return new Conv2dGeometry(1, 132, 22, 12, 68, 7, 7, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 16, 4, 300, 16, 5, 5, 1, 1, 1, 1, 2, 2);
        // Maps whose tiles are summed in several groups, with channels that vectors of different width pad differently.
        yield return new Conv2dGeometry(1, 35, 130, 130, 33, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(1, 11, 90, 90, 9, 3, 3, 1, 1, 2, 2, 2, 2);
        yield return new Conv2dGeometry(1, 16, 200, 200, 36, 4, 4, 1, 1, 1, 1, 1, 1);
        // From many channels to few, in several splits of the positions: as many panels as groups of channels, and more.
        yield return new Conv2dGeometry(2, 96, 60, 41, 21, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 672, 40, 41, 5, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 672, 20, 33, 21, 1, 1, 1, 1, 1, 1, 0, 0);
        // Sums of few terms that go to memory past the caches: the result, and the gradient of the input.
        yield return new Conv2dGeometry(2, 4, 64, 33, 256, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 272, 64, 65, 5, 1, 1, 2, 2, 1, 1, 0, 0);
    }

    public static float[] Values(RandomSequence random, long count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (float)((2 * random.NextDouble()) - 1);
        }

        return values;
    }

    /// <summary>Numbers of either sign, and those that are neither positive nor negative.</summary>
    public static float[] Mask(RandomSequence random, long count)
    {
        float[] values = Values(random, count);
        ((ReadOnlySpan<float>)[0, float.NaN, -0f])[..(int)Math.Min(3, count)].CopyTo(values);
        return values;
    }

    private static IEnumerable<Conv2dGeometry> Geometries()
    {
        // Kernel × dilation × padding × stride on a small map.
        foreach (int kernel in (int[])[1, 3, 5, 7])
        {
            foreach (int dilation in (int[])[1, 2, 3, 16, 40])
            {
                foreach (int stride in (int[])[1, 2, 3])
                {
                    int same = dilation * (kernel - 1) / 2;
                    foreach (int pad in new[] { 0, 1, same, same + 3 }.Distinct())
                    {
                        yield return new Conv2dGeometry(1, 3, 13, 17, 5, kernel, kernel, stride, stride, dilation, dilation, pad, pad);
                    }
                }
            }
        }

        // Channels, with the tails of every vector width and more than one panel.
        foreach (int inChannels in (int[])[1, 3, 8, 11, 21, 33, 64])
        {
            foreach (int outChannels in (int[])[1, 2, 3, 4, 7, 8, 11, 16, 21, 24, 33, 48, 64, 65, 130])
            {
                yield return new Conv2dGeometry(1, inChannels, 5, 7, outChannels, 3, 3, 1, 1, 1, 1, 1, 1);
            }
        }

        foreach (int channels in Boundary.Channels)
        {
            yield return new Conv2dGeometry(1, channels, 5, 6, channels, 3, 3, 1, 1, 2, 2, 2, 2);
        }

        // Maps that the dilation reaches over, just covers, and all but does.
        foreach (int dilation in (int[])[2, 4, 16])
        {
            foreach (int extent in new[] { 1, dilation - 1, dilation, (2 * dilation) + 1 }.Distinct())
            {
                yield return new Conv2dGeometry(2, 9, extent, extent, 7, 3, 3, 1, 1, dilation, dilation, dilation, dilation);
            }
        }

        // A pixel's own product, padded along one axis.
        yield return new Conv2dGeometry(2, 8, 3, 4, 5, 1, 1, 1, 1, 1, 1, 1, 0);
        yield return new Conv2dGeometry(2, 8, 3, 4, 5, 1, 1, 1, 1, 1, 1, 0, 1);
        // Rectangles in everything, batches.
        yield return new Conv2dGeometry(3, 3, 9, 31, 8, 1, 5, 1, 1, 1, 1, 0, 2);
        yield return new Conv2dGeometry(3, 8, 9, 31, 3, 5, 1, 1, 1, 2, 1, 4, 0);
        yield return new Conv2dGeometry(2, 5, 20, 11, 11, 3, 7, 2, 1, 3, 1, 5, 0);
        yield return new Conv2dGeometry(2, 5, 20, 40, 11, 2, 4, 1, 3, 1, 3, 0, 6);
        yield return new Conv2dGeometry(3, 21, 6, 6, 21, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(3, 4, 1, 1, 20, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(3, 4, 7, 5, 20, 1, 1, 2, 3, 1, 1, 1, 2);
        yield return new Conv2dGeometry(1, 4, 40, 3, 20, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(2, 4, 7, 1, 20, 3, 3, 1, 1, 1, 1, 1, 1);
        // Padded by less than the dilation: the sub-grids of the outputs see different borders.
        yield return new Conv2dGeometry(1, 16, 10, 10, 16, 3, 3, 1, 1, 2, 2, 1, 1);
        // The reduction in several chunks: by taps, and by channels within a tap.
        yield return new Conv2dGeometry(1, 64, 9, 8, 7, 7, 7, 1, 1, 2, 2, 6, 6);
        yield return new Conv2dGeometry(2, 700, 4, 3, 5, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(2, 5, 4, 3, 700, 3, 3, 1, 1, 1, 1, 1, 1);
        // From many channels to few: the weight gradient along the inputs, with rows of every number, one block of positions and more.
        yield return new Conv2dGeometry(2, 160, 9, 8, 21, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(3, 48, 13, 11, 7, 1, 1, 1, 1, 1, 1, 0, 0);
        // From many channels to few: the forward pass along the inputs, with outputs and pixels of every remainder, and the most and fewest it is meant for.
        yield return new Conv2dGeometry(1, 256, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(2, 272, 3, 3, 11, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 1024, 1, 7, 39, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(3, 320, 5, 5, 7, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(1, 1040, 2, 2, 3, 1, 1, 1, 1, 1, 1, 0, 0);
        // Kernels of every extent, in windows of three taps; batches, and sub-grids of unequal extents.
        foreach (int kernel in (int[])[4, 5, 6, 7, 8, 9])
        {
            yield return new Conv2dGeometry(2, 16, 13, 15, 20, kernel, kernel, 1, 1, 2, 3, kernel - 1, kernel);
        }

        yield return new Conv2dGeometry(2, 16, 21, 10, 16, 7, 3, 1, 1, 3, 1, 4, 1);
        yield return new Conv2dGeometry(1, 17, 9, 19, 70, 3, 7, 1, 1, 1, 2, 0, 0);
        // Rows longer than a block of the weight gradient, and many short rows.
        yield return new Conv2dGeometry(1, 2, 3, 2500, 3, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(2, 2, 1500, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1);
        yield return new Conv2dGeometry(1, 2, 2, 3000, 3, 1, 1, 1, 1, 1, 1, 0, 0);
        // Several panels and rows enough for the output's gradient to be packed, over several blocks of pixels; and with taps in the padding.
        yield return new Conv2dGeometry(2, 130, 3, 400, 50, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new Conv2dGeometry(2, 6, 40, 39, 50, 5, 5, 1, 2, 2, 1, 4, 1);
    }
}
