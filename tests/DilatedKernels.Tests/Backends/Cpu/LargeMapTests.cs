using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Tests.Backends.Large;

namespace DilatedKernels.Tests.Backends.Cpu;

/// <summary>
/// The processor's index arithmetic beyond 2³¹ elements: a batch of equal images, all in the same few megabytes of memory, gives what one image gives, for
/// every image. An index that lost its upper bits would read or write at another place of an image, or outside.
/// </summary>
[NonParallelizable]
[Platform("Linux", Reason = "Memory at many addresses is asked for as Linux does.")]
public sealed class LargeMapTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        // What is computed in bfloat16 is widened first, into memory that is not there. Sums over the batch are not those of one image.
        return LargeCases.Maps(ElementType.Float32).Concat(LargeCases.Convolutions(ElementType.Float32)).Concat(LargeCases.Float32())
            .Where(large => large.Output.IsPerImage && large.IsRepeatable)
            .Concat(LargeCases.Maps(ElementType.BFloat16).Where(large => large.Name is "cast" or "crop"))
            .Select(large => new TestCaseData(large).SetArgDisplayNames($"{large}, {large.Output.Type}"));
    }

    [TestCaseSource(nameof(Cases))]
    [Explicit("Minutes: ./build.sh test --filter \"Name~ImagesOfALargeBatchAre\"")]
    public void ImagesOfALargeBatchAreAsOneAlone(object boxed)
    {
        var large = (LargeCase)boxed;
        Assert.That(Run(large, large.Batch), Is.EqualTo(Run(large, 1)));
    }

    private static unsafe byte[] Run(LargeCase large, int batch)
    {
        using var backend = new WideningBackend(new CpuBackend(2));
        var allocator = new CpuAllocator();
        var memory = new List<RepeatedMemory>();
        try
        {
            DeviceBuffer[] inputs = [.. large.Inputs.Select((operand, i) => Place(operand, i))];
            DeviceBuffer output = Place(large.Output, -1);
            large.Run(backend, batch, inputs, output);
            RepeatedMemory result = memory[^1];
            byte[] first = Image(result, 0);
            for (int i = 1; i < result.Together; i++)
            {
                Assert.That(Image(result, i).AsSpan().SequenceEqual(first), Is.True, $"image {i}");
            }

            return first;
        }
        finally
        {
            memory.ForEach(m => m.Dispose());
        }

        byte[] Image(RepeatedMemory result, int i) => new ReadOnlySpan<byte>(result.Start + ((long)i * result.Period), large.Output.Bytes).ToArray();

        DeviceBuffer Place(Operand operand, int number)
        {
            int pages = Environment.SystemPageSize;
            int period = operand.IsPerImage ? operand.Bytes : (operand.Bytes + pages - 1) / pages * pages;
            int times = operand.IsPerImage ? batch : 1;
            Assert.That(period % pages, Is.Zero, $"{large}: whole pages");
            var place = new RepeatedMemory(period, times);
            memory.Add(place);
            for (int i = 0; i < place.Together && number >= 0; i++)
            {
                operand.Fill(new RandomSequence(5, large.Name, (ulong)number), new Span<byte>(place.Start + ((long)i * period), operand.Bytes));
            }

            long bytes = (long)period * times;
            var block = new MemoryBlock(new MemoryRegion((nint)place.Start, bytes), (nint)place.Start, bytes);
            var buffer = new CpuBuffer(allocator, block, bytes) { ElementType = operand.Type };
#pragma warning disable CA1816 // The memory is not the allocator's to free.
            GC.SuppressFinalize(buffer);
#pragma warning restore CA1816
            return buffer;
        }
    }
}
