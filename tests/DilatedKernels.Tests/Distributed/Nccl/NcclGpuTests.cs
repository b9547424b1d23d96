using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed.Nccl;
using DilatedKernels.Tests.Backends.Cuda;
using DilatedKernels.Tests.Optim;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>NCCL itself on this machine's GPUs: one alone, and as many together as there are. Skipped with the reason where there is no GPU or no NCCL.</summary>
[Category("Gpu")]
[NonParallelizable]
public sealed class NcclGpuTests
{
    [Test]
    public void NumbersTravelFromAGpuToItself()
    {
        using Device device = OpenWithNccl();
        NcclLibrary nccl = NcclLibrary.TryLoad(out _)!;
        var backend = (CudaBackend)device.Backend;
        ICudaContext context = backend.Context;
        float[] values = [.. Enumerable.Range(0, 1_000_003).Select(i => (float)Math.Sin(i))];
        using DeviceBuffer source = backend.Allocate(values.Length, ElementType.Float32);
        using DeviceBuffer target = backend.Allocate(values.Length, ElementType.Float32);
        backend.Upload(MemoryMarshal.AsBytes<float>(values), source);
        backend.Fill(target, values.Length, float.NaN);
        using NcclCommunicator communicator = NcclCommunicator.Join(nccl, context, NcclCommunicator.NewId(nccl), size: 1, rank: 0);
        communicator.Together(() =>
        {
            communicator.Receive(backend.Pointer(target), values.Length, peer: 0, backend.Stream);
            communicator.Send(backend.Pointer(source), values.Length, peer: 0, backend.Stream);
        });
        float[] found = new float[values.Length];
        backend.Download(target, MemoryMarshal.AsBytes(found.AsSpan()));
        communicator.ThrowIfFailed();
        Assert.That(found.AsSpan().SequenceEqual(values), Is.True);
    }

    [Test]
    public void StepsHaveTheBitsOfOneGpu([Values(1, 2, 3, 4)] int gpus)
    {
        using (OpenWithNccl())
        {
            int there = CudaDevices.List().Devices.Count;
            if (there < gpus)
            {
                Assert.Ignore($"{gpus} GPUs are needed, and there are {there}");
            }
        }

        uint[] one = GroupStepTests.Alone(Device.CreateCuda(), GroupStepTests.Loss.CrossEntropy, clips: true, parts: 5, imagesInAPart: 1);
        LocalThreads.Run(gpus, group =>
        {
            using Device device = Device.CreateCuda(group.Rank);
            Assert.That(group.LinkOf(device.Backend), Is.Not.Null, group.WhyNotNccl);
        });
        Assert.That(
            GroupStepTests.Together(rank => Device.CreateCuda(rank), gpus, GroupStepTests.Loss.CrossEntropy, clips: true, parts: 5, imagesInAPart: 1), Is.All.EqualTo(one));
    }

    private static Device OpenWithNccl()
    {
        Device device = Gpu.Open();
        if (!CudaLibraries.TryFindNccl(out string reason))
        {
            device.Dispose();
            Assert.Ignore(reason);
        }

        return device;
    }
}
