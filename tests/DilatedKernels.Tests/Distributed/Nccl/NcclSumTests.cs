using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Distributed.Nccl;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>Sums in the memory of several GPUs, here of threads with a device each, over the stub of NCCL.</summary>
[NonParallelizable]
public sealed class NcclSumTests
{
    private NcclStub? _stub;

    [SetUp]
    public void Open() => _stub = new NcclStub();

    [TearDown]
    public void Close()
    {
        // There is none where the test was skipped.
        int live = _stub?.Live ?? 0;
        _stub?.Dispose();
        _stub = null;
        Assert.That(live, Is.Zero, "communicators that were not given back");
    }

    [Test]
    public void AreThoseOfTheTree([Values(1, 2, 3, 4)] int processes)
    {
        LocalThreads.Run(processes, group =>
        {
            using Device device = NcclStub.OpenGpu(group.Rank);
            NcclLink link = group.LinkOf(device.Backend)!;
            foreach (int parts in new[] { group.Size, group.Size + 1, 7, 13 }.Where(parts => parts >= group.Size))
            {
                foreach (int length in new[] { 1, 2, 7, 1024, 40_001 })
                {
                    using NcclSum sum = Filled(link, group, parts, length, seed: length);
                    sum.Begin();
                    sum.Wait();
                    AssertSum(link, sum, parts, length, seed: length);
                }
            }
        });
    }

    [Test]
    public void SeveralAreUnderWayAndBegunAgain()
    {
        int[] lengths = [3000, 5, 70_001];
        LocalThreads.Run(3, group =>
        {
            using Device device = NcclStub.OpenGpu(group.Rank);
            NcclLink link = group.LinkOf(device.Backend)!;
            NcclSum[] sums = [.. lengths.Select(length => link.NewSum(5, length))];
            for (int round = 0; round < 3; round++)
            {
                for (int i = 0; i < sums.Length; i++)
                {
                    Fill(link, group, sums[i], 5, lengths[i], seed: i + round);
                    sums[i].Begin();
                }

                // Calls of the group fit in between.
                Assert.That(group.Sum([1]), Is.EqualTo(new long[] { 3 }));
                for (int i = sums.Length - 1; i >= 0; i--)
                {
                    sums[i].Wait();
                    AssertSum(link, sums[i], 5, lengths[i], seed: i + round);
                }
            }

            Array.ForEach(sums, sum => sum.Dispose());
        });
    }

    [Test]
    public void WhoWaitsForAnotherDoesNotHang()
    {
        CallLog? waiting = null;
        using var isWaiting = new ManualResetEventSlim();
        LocalThreads.Run(2, group =>
        {
            using Device device = NcclStub.OpenGpu(group.Rank);
            NcclLink link = group.LinkOf(device.Backend)!;
            using NcclSum sum = Filled(link, group, parts: 2, length: 100, seed: 1);
            if (group.Rank == 0)
            {
                waiting = group.Log;
                isWaiting.Set();
                sum.Begin();
            }
            else
            {
                isWaiting.Wait();
                Assert.That(() => Look(waiting!), Is.Zero.After(delayInMilliseconds: 5000, pollingInterval: 10));
                Assert.That(Look(waiting!), Is.Zero);
                sum.Begin();
            }

            sum.Wait();
        });

        static double Look(CallLog log)
        {
            log.Look(TimeSpan.FromMinutes(1), isMarked: false, isSuspended: false);
            return log.State.Stalled.TotalMinutes;
        }
    }

    [Test]
    public void WhatIsJoinedStaysSoUntilTheDeviceIsClosed()
    {
        LocalThreads.Run(2, group =>
        {
            Device device = NcclStub.OpenGpu(group.Rank);
            NcclLink link = group.LinkOf(device.Backend)!;
            Assert.That(group.LinkOf(device.Backend), Is.SameAs(link));
            device.Dispose();
            Assert.That(link.IsClosed, Is.True);
            using Device other = NcclStub.OpenGpu(group.Rank);
            Assert.That(group.LinkOf(other.Backend), Is.Not.SameAs(link).And.Not.Null);
            group.Dispose();
            Assert.That(group.WhyNotNccl, Is.Null);
        });
    }

    [Test]
    public void TravelOnAStreamOfTheirOwnBehindWhatFillsThem()
    {
        var log = new List<(string Call, nint Stream)>();
        LocalThreads.Run(2, group =>
        {
            using Device device = NcclStub.OpenGpu(group.Rank);
            var backend = (CudaBackend)device.Backend;
            NcclLink link = group.LinkOf(backend)!;
            using NcclSum sum = Filled(link, group, 2, 1000, seed: 1);
            if (group.Rank == 0)
            {
                ((HostContext)backend.Context).Watch = (call, stream) => log.Add((call, stream.Value));
            }

            sum.Begin();
            sum.Wait();
            if (group.Rank == 0)
            {
                ((HostContext)backend.Context).Watch = null;
                nint own = link.Stream.Value;
                Assert.That(own, Is.Not.EqualTo(backend.Stream.Value));
                Assert.That(_stub!.Stream, Is.EqualTo(own), "handles of the two devices are numbered alike");
                Assert.That(log, Is.EqualTo(new[] { ("Record", backend.Stream.Value), ("Wait", own), ("Launch", own), ("Record", own) }));
            }
        });
    }

    [Test]
    public void ADifferentLengthIsSaid()
    {
        Exception?[] errors = Errors(3, (link, group) =>
        {
            using NcclSum sum = link.NewSum(3, group.Rank == 1 ? 20 : 10);
            sum.Begin();
            sum.Wait();
        });
        Assert.That(
            errors.Select(error => error?.Message),
            Is.All.Match(@"^rank \d of 3 on host .*: made sum of [12]0 values between GPUs over 3 parts as call \d+ where rank \d made sum of [12]0 values between GPUs over 3 parts as call \d+;"));
    }

    [Test]
    public void AProcessThatFailsEndsTheOthersWait()
    {
        Exception?[] errors = Errors(3, (link, group) =>
        {
            using NcclSum sum = link.NewSum(3, 10);
            if (group.Rank == 1)
            {
                throw new InvalidOperationException("the disk is full");
            }

            sum.Begin();
            sum.Wait();
        });
        Assert.That(errors[1], Is.InstanceOf<InvalidOperationException>());
        Assert.That(errors[0], Is.InstanceOf<ProcessGroupException>().With.Message.Match("^rank 1 of 3 on host .*: the disk is full$"));
        Assert.That(errors[2]?.Message, Is.EqualTo(errors[0]!.Message));
    }

    // The last two may be another's fault, which is waited for.
    [TestCase("ncclSend:3:1", "ncclSend failed: internal error (3): as the test asked, on rank 1")]
    [TestCase("ncclRecv:4:1", "ncclRecv failed: invalid argument (4): as the test asked, on rank 1")]
    [TestCase("ncclGroupEnd:1:1:1", "ncclGroupEnd failed: unhandled cuda error (1): as the test asked, on rank 1")]
    [TestCase("async:3:1:2", "NCCL failed: internal error (3): as the test asked, on rank 1")]
    [TestCase("async:6:1:4", "NCCL failed: remote process exited or there was a network error (6): as the test asked, on rank 1")]
    public void AFailureOfNcclIsToldByTheProcessThatHasIt(string failure, string message)
    {
        _stub!.Fail(failure);
        Exception?[] errors = Errors(3, (link, group) =>
        {
            using NcclSum sum = link.NewSum(3, 10);
            for (int i = 0; i < 4; i++)
            {
                Fill(link, group, sum, 3, 10, seed: i);
                sum.Begin();
                sum.Wait();
            }
        });
        Assert.That(errors.Select(error => error?.Message), Is.All.EqualTo($"rank 1 of 3 on host {Environment.MachineName}: {message}"));
    }

    [Test]
    public void AFailureIsNoticedWhileTheGpuWaitsForEver()
    {
        _stub!.Fail("async:3:0:2");
        Exception?[] errors = Errors(2, (link, group) =>
        {
            using NcclSum sum = Filled(link, group, 2, 10, seed: 0);
            ((HostContext)link.Context).IsBusy = true;
            sum.Begin();
            sum.Wait();
        });
        Assert.That(errors.Select(error => error?.Message), Is.All.StartsWith($"rank 0 of 2 on host {Environment.MachineName}: NCCL failed: internal error (3)"));
    }

    private static Exception?[] Errors(int processes, Action<NcclLink, ProcessGroup> body) => LocalThreads.Errors(processes, group =>
    {
        using Device device = NcclStub.OpenGpu(group.Rank);
        body(group.LinkOf(device.Backend)!, group);
    });

    private static NcclSum Filled(NcclLink link, ProcessGroup group, int parts, int length, int seed)
    {
        NcclSum sum = link.NewSum(parts, length);
        Fill(link, group, sum, parts, length, seed);
        return sum;
    }

    // In two pieces, as by two parameters.
    private static void Fill(NcclLink link, ProcessGroup group, NcclSum sum, int parts, int length, int seed)
    {
        (int begin, int end) = SumTree.Share(parts, group.Size, group.Rank);
        IReadOnlyList<SumNode> nodes = SumTree.Nodes(begin, end);
        for (int i = 0; i < nodes.Count; i++)
        {
            float[] values = TreeSums.OfNode(nodes[i].Begin, nodes[i].Length, length, seed);
            int half = length / 2;
            link.Backend.Upload(MemoryMarshal.AsBytes(values.AsSpan(0, half)), sum.Node(i, 0, half));
            link.Backend.Upload(MemoryMarshal.AsBytes(values.AsSpan(half)), sum.Node(i, half, length - half));
        }
    }

    private static void AssertSum(NcclLink link, NcclSum sum, int parts, int length, int seed)
    {
        float[] found = new float[length];
        using DeviceBuffer node = sum.Node(0, 0, length);
        link.Backend.Download(node, MemoryMarshal.AsBytes(found.AsSpan()));
        Assert.That(
            MemoryMarshal.AsBytes(found.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(TreeSums.Of(0, parts, length, seed).AsSpan())), Is.True, $"{parts} parts, {length} values");
    }
}
