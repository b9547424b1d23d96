using System.Runtime.CompilerServices;

namespace DilatedKernels.Tests.Tensors;

[NonParallelizable]
public class TensorLifetimeTests
{
    // So many that the code is compiled with optimisations on the way, after which a local lives no longer than its last use.
    private const int Runs = 200;

    /// <summary>While another thread collects garbage and takes over every block of memory that comes free.</summary>
    [Test]
    public void MemoryIsNotFreedWhileTheLastUseOfATensorReadsIt()
    {
        using Device device = Device.CreateCpu(1);
        var shape = new Shape(1, 1, 1024, 4096);
        float[] ones = [.. Enumerable.Repeat(1f, (int)shape.Count)];
        float[] twos = [.. Enumerable.Repeat(2f, (int)shape.Count)];
        float[] read = new float[shape.Count];
        bool stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Tensor.FromChannelsLast(device, shape, twos).Dispose();
            }
        });
        collector.Start();
        int wrong = 0;
        for (int i = 0; i < Runs; i++)
        {
            ReadOnce(device, shape, ones, read);
            wrong += read.AsSpan().ContainsAnyExcept(1f) ? 1 : 0;
        }

        Volatile.Write(ref stop, true);
        collector.Join();
        Assert.That(wrong, Is.Zero);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void ReadOnce(Device device, Shape shape, float[] values, float[] target) =>
        Tensor.FromChannelsLast(device, shape, values).CopyToChannelsLast(target);
}
