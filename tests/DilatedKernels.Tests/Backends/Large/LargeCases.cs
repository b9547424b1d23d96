using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Tests.Backends.Large;

/// <summary>Every operation on a batch with more than 2³¹ elements.</summary>
internal static class LargeCases
{
    private const int Channels = 8;
    private const long Least = 1L << 31;

    // Few rows, so that a grid over rows and units has a block for each and the last blocks compute the end.
    private static readonly Shape s_wide = new(1, Channels, 4, 8192);
    private static readonly Shape s_small = new(1, Channels, 64, 64);

    // The smallest batch whose last image lies beyond 2^31 as a whole, rounded up so that elements are a multiple of what a block takes at a time.
    private static int Batch(Shape image) => (int)(Least / image.Count) + 8;

    /// <summary>What every device computes in the same way.</summary>
    public static IEnumerable<LargeCase> Maps(ElementType type)
    {
        Operand wide = Operand.Images((int)s_wide.Count, type);
        Operand doubled = Operand.Images(4 * (int)s_wide.Count, type);
        Operand small = Operand.Images((int)s_small.Count, type);
        int batch = Batch(s_wide);

        Operand other = Operand.Images((int)s_wide.Count, type == ElementType.Float32 ? ElementType.BFloat16 : ElementType.Float32);
        yield return Elementwise("add", [wide, wide], wide, (b, n, x, y) => b.Add(x[0], x[1], y, n * s_wide.Count));
        yield return Elementwise("scale", [wide, Operand.Once(1)], wide, (b, n, x, y) => b.ScaleBy(x[0], x[1], y, n * s_wide.Count));
        yield return Elementwise("relu forward", [wide], wide, (b, n, x, y) => b.ReluForward(x[0], y, n * s_wide.Count));
        yield return Elementwise("relu backward", [wide, wide], wide, (b, n, x, y) => b.ReluBackward(x[0], x[1], y, n * s_wide.Count));
        yield return Elementwise("cast", [other], wide, (b, n, x, y) => b.Convert(x[0], y, n * s_wide.Count)) with
        {
            // Eight either way: 128 bits of the narrower type.
            LastBlocks = total => ElementwiseEnd(batch * s_wide.Count / 8, total),
        };
        yield return new LargeCase("bias forward", [wide, Operand.Once(Channels)], wide, batch, (b, n, x, y) => b.BiasForward(s_wide with { N = n }, x[0], x[1], y))
        {
            LastBlocks = total => ElementwiseEnd(batch * s_wide.Count, total),
        };
        yield return new LargeCase("bias backward", [wide], Operand.Once(Channels), batch, (b, n, x, y) => b.BiasBackward(s_wide with { N = n }, x[0], y))
        {
            LastBlocks = total => (total - 1, 1),
            Slices = ("bias_backward_partial", 1, Channels * sizeof(double)),
        };

        var half = new Pool2dGeometry(0, Channels, 4, 8192, 2, 4096, 2, 2, 2, 2, 0, 0);
        Operand halved = Operand.Images((int)s_wide.Count / 4, type);
        Operand winners = Operand.Choices((int)s_wide.Count / 4, 4);
        yield return new LargeCase("max pool forward", [wide], halved, batch, (b, n, x, y) => b.MaxPoolForward(half with { Batch = n }, x[0], y, winner: null));
        yield return new LargeCase("max pool choice", [doubled, wide], Operand.Choices((int)s_wide.Count, 4), batch, (b, n, x, y) =>
            b.MaxPoolForward(new Pool2dGeometry(n, Channels, 8, 16384, 4, 8192, 2, 2, 2, 2, 0, 0), x[0], x[1], y));
        yield return new LargeCase("max pool backward", [halved, winners], wide, batch, (b, n, x, y) => b.MaxPoolBackward(half with { Batch = n }, x[0], x[1], y));

        ResampleAxis rows = ResampleAxis.HalfPixel(4, 8);
        ResampleAxis columns = ResampleAxis.HalfPixel(8192, 16384);
        yield return new LargeCase("upsample forward", [wide], doubled, (batch / 4) + 1, (b, n, x, y) => b.UpsampleForward(new UpsampleGeometry(n, Channels, rows, columns), x[0], y));
        yield return new LargeCase("upsample backward", [doubled], wide, batch, (b, n, x, y) => b.UpsampleBackward(new UpsampleGeometry(n, Channels, rows, columns), x[0], y));

        Operand padded = Operand.Images(Channels * 6 * 8320, type);
        yield return new LargeCase("reflection pad forward", [wide], padded, batch, (b, n, x, y) =>
            b.ReflectionPadForward(new ReflectionPadGeometry(s_wide with { N = n }, 1, 1, 64, 64), x[0], y));
        yield return new LargeCase("reflection pad backward", [padded], wide, batch, (b, n, x, y) =>
            b.ReflectionPadBackward(new ReflectionPadGeometry(s_wide with { N = n }, 1, 1, 64, 64), x[0], y));
        yield return new LargeCase("crop", [padded], wide, batch, (b, n, x, y) => b.CopyBlock(
            new BlockCopy(new Shape(n, Channels, 6, 8320), new Shape(0, 0, 1, 64), s_wide with { N = n }, default, s_wide with { N = n }), x[0], y));

        yield return new LargeCase("softmax forward", [small], small, Batch(s_small), (b, n, x, y) => b.SoftmaxForward(s_small with { N = n }, x[0], y));
        yield return new LargeCase("softmax backward", [small, small], small, Batch(s_small), (b, n, x, y) => b.SoftmaxBackward(s_small with { N = n }, x[0], x[1], y));
        yield return new LargeCase("cross-entropy gradient", [small, Operand.Choices(64 * 64, Channels), Operand.Once(1)], small, Batch(s_small), (b, n, x, y) =>
            b.SoftmaxCrossEntropy(s_small with { N = n }, x[0], x[1], ignoreLabel: 255, validCount: 4096, x[2], y));
        Shape classes = s_small with { C = 72 };
        Operand many = Operand.Images((int)classes.Count, type);
        yield return new LargeCase("softmax of many classes", [many], many, Batch(classes), (b, n, x, y) => b.SoftmaxForward(classes with { N = n }, x[0], y));
    }

    /// <summary>Few scores and many labels: what makes one of the other. All of it would take a processor hours.</summary>
    public static LargeCase ManyLabels(ElementType type)
    {
        var cells = new Shape(1, Channels, 4, 4);
        const int Side = 256;
        ResampleAxis axis = ResampleAxis.HalfPixel(cells.H, Side);
        Operand scores = Operand.Images((int)cells.Count, type);
        int batch = (int)(Least * sizeof(float) / (Side * Side)) + 8;
        return new LargeCase("upsampled cross-entropy gradient", [scores, Operand.Choices(Side * Side, Channels), Operand.Once(1)], scores, batch, (b, n, x, y) =>
            b.UpsampleCrossEntropy(new UpsampleGeometry(n, Channels, axis, axis), x[0], x[1], ignoreLabel: 255, weights: null, total: 4096, x[2], y))
        {
            LastBlocks = total => total < batch ? ElementwiseEnd(batch * cells.Count / type.Wide(), total) : (total - 256, 256),
        };
    }

    /// <summary>What computes in float32 alone.</summary>
    public static IEnumerable<LargeCase> Float32()
    {
        Operand wide = Operand.Images((int)s_wide.Count, ElementType.Float32);
        int batch = Batch(s_wide);
        Operand end = wide with { Fill = (random, target) => wide.Fill(random, target[^4096..]) };
        yield return new LargeCase("sum of squares", [end], Operand.Once(1), batch, (b, n, x, y) => b.SumOfSquares(x[0], n * s_wide.Count, y))
        {
            LastBlocks = total => total == 1 ? (0, 1) : ElementwiseEnd(batch * s_wide.Count / 4, total),
            Slices = ("sum_of_squares_partial", 1, sizeof(double)),
        };
        yield return new LargeCase("sgd", [wide, wide], wide, batch, (b, n, x, y) => b.SgdStep(Slots(n, y, x[0], x[1], null), 0.1f, 0.9f, loss: null)) with { IsRepeatable = false };
        yield return new LargeCase("adam", [wide, wide, wide], wide, batch, (b, n, x, y) => b.AdamStep(Slots(n, y, x[0], x[1], x[2]), 0.1f, 0.9f, 0.999f, 1e-8f, 3, loss: null)) with { IsRepeatable = false };

        // Two entries a row: the last row of the last matrix reads the last elements.
        const int Rows = 4;
        int channels = (int)s_wide.Count / Rows;
        yield return new LargeCase("sparse product", [wide, Operand.Once(Rows + 1) with { Fill = FirstOf }, Operand.Once(4 * Rows) with { Fill = Entries }, wide], wide, batch, (b, n, x, y) =>
            b.SparseProduct(new SparseGeometry(n, channels, Rows, Rows), x[1], x[2], x[0], x[3], scale: 0.5f, y));
    }

    /// <summary>The three passes of the convolution.</summary>
    public static IEnumerable<LargeCase> Convolutions(ElementType type)
    {
        Operand map = Operand.Images((int)s_small.Count, type);
        Operand quarter = Operand.Images((int)s_small.Count / 4, type);
        Operand weight = Operand.Once(Channels * Channels * 9);
        Operand bias = Operand.Once(Channels);
        int batch = Batch(s_small);
        yield return new LargeCase("convolution", [map, weight, bias], map, batch, (b, n, x, y) => b.Conv2dForward(Same(n), x[0], x[1], x[2], relu: true, y));
        yield return new LargeCase("data gradient", [map, weight, map], map, batch, (b, n, x, y) => b.Conv2dBackwardInput(Same(n), x[0], x[1], x[2], y));
        yield return new LargeCase("data gradient of a stride", [quarter, weight, map], map, batch, (b, n, x, y) => b.Conv2dBackwardInput(Strided(n), x[0], x[1], x[2], y));

        var point = new Conv2dGeometry(0, Channels, 64, 64, Channels, 1, 1, 1, 1, 1, 1, 0, 0);
        yield return new LargeCase("weight gradient", [map, map], Operand.Once(Channels * Channels), batch, (b, n, x, y) => b.Conv2dBackwardWeight(point with { Batch = n }, x[0], x[1], y))
        {
            LastBlocks = total => (total - 1, 1),
            Slices = ("conv2d_wgrad", 2, Channels * Channels * sizeof(float)),
        };
    }

    private static Conv2dGeometry Same(int batch) => new(batch, Channels, 64, 64, Channels, 3, 3, 1, 1, 2, 2, 2, 2);

    private static Conv2dGeometry Strided(int batch) => new(batch, Channels, 64, 64, Channels, 3, 3, 2, 2, 1, 1, 1, 1);

    private static OptimizerSlot[] Slots(int images, DeviceBuffer value, DeviceBuffer gradient, DeviceBuffer state1, DeviceBuffer? state2) =>
        [new OptimizerSlot(value, gradient, state1, state2, images * s_wide.Count, 1, 0.01f)];

    private static LargeCase Elementwise(string name, Operand[] inputs, Operand output, Action<Backend, int, DeviceBuffer[], DeviceBuffer> run)
    {
        int batch = Batch(s_wide);
        return new LargeCase(name, inputs, output, batch, run) { LastBlocks = total => ElementwiseEnd(batch * s_wide.Count / output.Type.Wide(), total) };
    }

    // The block whose threads stride to the last unit.
    private static (long First, long Count) ElementwiseEnd(long units, long blocks) => ((units - 1) / 256 % blocks, 1);

    private static void FirstOf(RandomSequence random, Span<byte> target)
    {
        Span<int> firstOf = MemoryMarshal.Cast<byte, int>(target);
        for (int row = 0; row < firstOf.Length; row++)
        {
            firstOf[row] = 2 * row;
        }
    }

    private static void Entries(RandomSequence random, Span<byte> target)
    {
        Span<SparseEntry> entries = MemoryMarshal.Cast<byte, SparseEntry>(target);
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = new SparseEntry(i % 2 == 0 ? entries.Length / 2 - 1 : i / 2, (float)random.NextDouble());
        }
    }
}
