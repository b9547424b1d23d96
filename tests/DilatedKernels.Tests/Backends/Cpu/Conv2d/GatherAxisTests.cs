using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

public class GatherAxisTests
{
    [Test]
    public void SegmentsListExactlyTheTapsInsideTheInput(
        [Values(1, 2, 5, 9)] int extent, [Values(1, 2, 3)] int kernel, [Values(1, 2, 3)] int stride,
        [Values(1, 2, 11)] int dilation, [Values(0, 1, 4, 20)] int pad)
    {
        int outExtent = Conv2dGeometry.OutExtent(extent, kernel, stride, dilation, pad);
        var forward = new HashSet<(int Out, int In, int Tap)>();
        for (int o = 0; o < outExtent; o++)
        {
            for (int k = 0; k < kernel; k++)
            {
                int i = (o * stride) - pad + (k * dilation);
                if (i >= 0 && i < extent)
                {
                    forward.Add((o, i, k));
                }
            }
        }

        if (outExtent > 0)
        {
            GatherAxis axis = GatherAxis.Forward(outExtent, extent, kernel, stride, dilation, pad);
            Assert.That(Reads(axis), Is.EquivalentTo(forward));
            Assert.That(axis.Segments.Sum(s => s.End - s.Begin), Is.EqualTo(outExtent));
        }

        var backward = new List<(int, int, int)>();
        for (int phase = 0; phase < Math.Min(stride, extent); phase++)
        {
            GatherAxis axis = GatherAxis.Backward(phase, outExtent, extent, kernel, stride, dilation, pad);
            Assert.That(axis.Count, Is.EqualTo(Enumerable.Range(0, extent).Count(i => i % stride == phase)));
            backward.AddRange(Reads(axis).Select(r => (r.In, r.Out, kernel - 1 - r.Tap)));
        }

        Assert.That(backward, Is.EquivalentTo(forward));
    }

    private static List<(int Out, int In, int Tap)> Reads(GatherAxis axis) =>
    [
        .. from segment in axis.Segments
           from j in Enumerable.Range(segment.Begin, segment.End - segment.Begin)
           from tap in segment.Taps
           select (axis.OutStart + (j * axis.OutStep), (int)((j * axis.InStep) + axis.Offset(tap)), axis.Taps[tap]),
    ];
}
