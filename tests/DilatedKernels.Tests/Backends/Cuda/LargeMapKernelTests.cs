using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Backends.Large;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>
/// The index arithmetic of every kernel beyond 2³¹ elements, in addresses that take no memory: of a batch that large only the last image is not zero and only
/// the blocks that compute its end run. They give what the same image gives alone.
/// </summary>
[NonParallelizable]
[Platform("Linux", Reason = "Addresses without memory are asked for as Linux does.")]
public sealed class LargeMapKernelTests
{
    private const int Simt = 75;
    // Not Hopper's own kernels: their blocks stay until the whole batch is done.
    private const int TensorCores = 80;

    // The end of the last image that the blocks certainly compute.
    private const int ComparedBytes = 512;

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            foreach (LargeCase large in LargeCases.Maps(type).Append(LargeCases.ManyLabels(type)).Concat(type == ElementType.Float32 ? LargeCases.Float32() : []))
            {
                yield return Case(large, Simt, Float32Precision.Strict, $"{large}, {type}");
            }

            foreach (LargeCase large in LargeCases.Convolutions(type))
            {
                yield return Case(large, Simt, Float32Precision.Strict, $"{large}, {type}, multiply-adds");
                yield return Case(large, TensorCores, Float32Precision.Tf32, $"{large}, {type}, tensor cores");
            }
        }

        static TestCaseData Case(LargeCase large, int architecture, Float32Precision precision, string name) =>
            new TestCaseData(large, architecture, precision).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Cases))]
    public void TheEndOfALargeBatchIsThatOfOneImage(object boxed, int architecture, Float32Precision precision)
    {
        var large = (LargeCase)boxed;
        Assert.That(large.Inputs.Append(large.Output).Max(o => o.IsPerImage ? (long)large.Batch * o.Bytes / o.Type.Size() : 0), Is.GreaterThan(1L << 31), "the case is large");
        byte[] alone = Run(large, 1, architecture, precision, blocks: null);
        byte[] last = Run(large, large.Batch, architecture, precision, (total, _) => large.LastBlocks(total));
        if (large.Output.IsPerImage)
        {
            Assert.That(alone, Has.Some.Not.Zero);
            Assert.That(last, Is.EqualTo(alone));
            return;
        }

        // A sum over the batch, of which the others are zero: in other slices, so rounded otherwise, and in tensor cores cut off otherwise: 5e-5 as in Conv2dTensorCoreTests.
        double tolerance = architecture == TensorCores ? 5e-5 : 1e-5;
        float[] expected = MemoryMarshal.Cast<byte, float>(alone).ToArray();
        Assert.That(expected, Has.Some.Not.Zero);
        Assert.That(MemoryMarshal.Cast<byte, float>(last).ToArray(), Is.EqualTo(expected).Within(tolerance * expected.Max(Math.Abs)));
    }

    [Test]
    public void DropoutDrawsByThePlaceOfAnElement([Values] ElementType type)
    {
        var key = new RandomKey(7, 8, 9);
        var shape = new Shape(1, 1, 1, 4096);
        Operand ones = Operand.Images((int)shape.Count, type) with { Fill = (_, target) => Ones(type, target) };
        int batch = (int)((1L << 31) / shape.Count) + 1;
        long count = batch * shape.Count;
        var dropout = new LargeCase("dropout", [ones], ones, batch, (b, n, x, y) => b.Dropout(x[0], y, n * shape.Count, 0.5f, key));
        byte[] last = Run(dropout, batch, Simt, Float32Precision.Strict, (total, _) => ((((count / 4) - 1) / 256) % total, 1));

        int compared = ComparedBytes / type.Size();
        bool[] expected = [.. Enumerable.Range(0, compared).Select(i => Word(key, count - compared + i) >= 1u << 31)];
        Assert.That(Enumerable.Range(0, compared).Select(i => last.AsSpan(i * type.Size(), type.Size()).IndexOfAnyExcept((byte)0) >= 0), Is.EqualTo(expected));
    }

    private static uint Word(RandomKey key, long element)
    {
        (uint x, uint y, uint z, uint w) = key.Words(element / 4);
        return (element % 4) switch { 0 => x, 1 => y, 2 => z, _ => w };
    }

    private static void Ones(ElementType type, Span<byte> target)
    {
        if (type == ElementType.Float32)
        {
            MemoryMarshal.Cast<byte, float>(target).Fill(1);
        }
        else
        {
            MemoryMarshal.Cast<byte, ushort>(target).Fill(BFloat16.Round(1));
        }
    }

    /// <summary>The end of the output for the last image.</summary>
    private static unsafe byte[] Run(LargeCase large, int batch, int architecture, Float32Precision precision, Func<long, string, (long, long)>? blocks)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        driver!.SetSeed(0);
        driver.Architecture = architecture;
        var context = (HostContext)driver.Open(0);
        using var backend = new CudaBackend(context, new StubImages()) { Float32Precision = precision };
        var memory = new List<SparseMemory>();
        try
        {
            DeviceBuffer[] inputs = [.. large.Inputs.Select((operand, i) => Place(operand, i))];
            DeviceBuffer output = Place(large.Output, -1);
            if (blocks is not null)
            {
                context.Blocks = (kernel, grid, arguments) => Choose(large, kernel, (long)grid.X * grid.Y * grid.Z, arguments, blocks);
            }

            large.Run(backend, batch, inputs, output);
            backend.Synchronize();
            return memory[^1].Last(Math.Min(large.Output.Bytes, ComparedBytes)).ToArray();
        }
        finally
        {
            memory.ForEach(m => m.Dispose());
        }

        DeviceBuffer Place(Operand operand, int number)
        {
            var place = new SparseMemory((operand.IsPerImage ? batch : 1L) * operand.Bytes);
            memory.Add(place);
            if (number >= 0)
            {
                operand.Fill(new RandomSequence(5, large.Name, (ulong)number), place.Last(operand.Bytes));
            }

            return new BorrowedCudaBuffer(new DevicePointer((ulong)place.Start), (operand.IsPerImage ? batch : 1L) * operand.Bytes, released: null) { ElementType = operand.Type };
        }
    }

    private static unsafe (long First, long Count) Choose(LargeCase large, string kernel, long total, void** arguments, Func<long, string, (long, long)> blocks)
    {
        if (large.Slices is { } slices)
        {
            if (!kernel.StartsWith(slices.Kernel, StringComparison.Ordinal) || kernel.Contains("finish", StringComparison.Ordinal))
            {
                return (0, 0);
            }

            new Span<byte>(*(void**)arguments[slices.Argument], checked((int)(total * slices.Bytes))).Clear();
        }

        // What prepares weights, or sums what blocks have left.
        return total < 1000 ? (0, 0) : blocks(total, kernel);
    }
}
