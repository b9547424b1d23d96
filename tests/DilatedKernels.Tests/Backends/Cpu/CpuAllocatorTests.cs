using DilatedKernels.Backends.Cpu;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Backends.Cpu;

public class CpuAllocatorTests
{
    [Test]
    public void AnEmptyBufferHasAReadableTail()
    {
        var allocator = new CpuAllocator { Poison = true };
        using (CpuBuffer buffer = allocator.Allocate(0))
        {
            Assert.That(buffer.Capacity, Is.EqualTo(128), "64 bytes that may be read, rounded up past an empty payload");
            Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(0, 1, 0, 0)));
        }

        allocator.Trim();
        Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(0, 0, 0, 0)));
    }

    [Test]
    public void FreedBlocksServeAgain()
    {
        var allocator = new CpuAllocator();
        CpuBuffer first = allocator.Allocate(1000);
        long capacity = first.Capacity;
        first.Dispose();
        first.Dispose();
        Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(0, 0, 1000, capacity)));
        using CpuBuffer second = allocator.Allocate(990);
        Assert.That(allocator.Statistics, Is.EqualTo(new MemoryStatistics(990, 1, 1000, 0)));
        Assert.That(() => _ = PointerOf(first), Throws.InstanceOf<ObjectDisposedException>());
    }

    [Test]
    public void TrainingAsksTheSystemForNothingAfterItsSecondStep()
    {
        var backend = new CpuBackend(2);
        using var device = new Device(new WideningBackend(backend));
        using SegmentationModel model = SegmentationModel.Create(device, new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Vgg16(2, 1.0 / 16) }, seed: 1);
        using var optimizer = new Adam(model.Parameters);
        using Tensor image = Tensor.FromArray(device, new Shape(2, 3, 400, 400), new float[2 * 3 * 400 * 400]);
        Size2 output = model.OutputSize(new Size2(400, 400));
        using LabelMap truth = LabelMap.FromArray(device, 2, output.Height, output.Width, new byte[2 * output.Height * output.Width]);
        var taken = new List<int>();
        for (int step = 0; step < 8; step++)
        {
            using Tape tape = Tape.Record();
            tape.Backward(Ops.SoftmaxCrossEntropy(model.Forward(image, ForwardContext.Training(seed: 1, (ulong)step)), truth));
            optimizer.Step(1e-3f);
            optimizer.ClearGradients();
            taken.Add(backend.Allocator.RegionsTaken);
        }

        Assert.That(taken[1..], Is.All.EqualTo(taken[1]));
    }

    private static unsafe nint PointerOf(CpuBuffer buffer) => (nint)buffer.Pointer;
}
