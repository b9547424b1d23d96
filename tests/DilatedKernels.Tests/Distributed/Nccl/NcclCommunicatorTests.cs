using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed.Nccl;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>What the stub makes of calls that do not fit each other: no laxer than NCCL.</summary>
[NonParallelizable]
public sealed class NcclCommunicatorTests
{
    [Test]
    public void WhatIsSentAndReceivedHasOneSize()
    {
        string?[] errors = Run((communicator, memory, rank) => communicator.Together(() =>
        {
            if (rank == 0)
            {
                communicator.Send(memory, 10, peer: 1, default);
            }
            else
            {
                communicator.Receive(memory, 20, peer: 0, default);
            }
        }));
        Assert.That(errors[0], Does.StartWith("ncclGroupEnd failed: invalid usage (5): what rank 0 exchanges with others differs in size"));
        Assert.That(errors[1], Does.StartWith("ncclGroupEnd failed: invalid usage (5): what rank 1 "));
    }

    [Test]
    public void ASendThatNobodyReceivesEndsByAnAbortAlone([Values(10, 100_000)] int count)
    {
        string?[] errors = Run((communicator, memory, rank) =>
        {
            if (rank == 1)
            {
                return;
            }

            var abort = new Thread(() =>
            {
                Thread.Sleep(100);
                communicator.Abort();
            });
            abort.Start();
            try
            {
                communicator.Together(() => communicator.Send(memory, count, peer: 1, default));
            }
            finally
            {
                abort.Join();
            }
        });
        Assert.That(errors, Is.EqualTo(new[] { "ncclGroupEnd failed: internal error (3): rank 0 was aborted", null }));
    }

    [Test]
    public void WrongArgumentsAreRefused()
    {
        string?[] errors = Run((communicator, memory, rank) => communicator.Together(() => communicator.Send(memory, 10, peer: 2, default)));
        Assert.That(errors[0], Does.StartWith("ncclSend failed: invalid argument (4)"));
        Assert.That(Run((communicator, memory, rank) => communicator.Together(() => communicator.Receive(default, 10, peer: 0, default)))[1], Does.StartWith("ncclRecv failed: invalid argument (4)"));
    }

    [Test]
    public void NothingIsUsedAfterItsEnd()
    {
        string?[] errors = Run((communicator, memory, rank) =>
        {
            communicator.Abort();
            communicator.Abort();
            communicator.ThrowIfFailed();
        });
        Assert.That(errors, Is.All.Contains(nameof(NcclCommunicator)));
    }

    // What each of two processes' body throws.
    private static string?[] Run(Action<NcclCommunicator, DevicePointer, int> body)
    {
        using var stub = new NcclStub();
        string?[] errors = new string?[2];
        LocalThreads.Run(2, group =>
        {
            using Device device = NcclStub.OpenGpu(group.Rank);
            var backend = (CudaBackend)device.Backend;
            using DeviceBuffer memory = backend.Allocate(100_000, ElementType.Float32);
            NcclLibrary nccl = NcclLibrary.TryLoad(out _)!;
            byte[] id = group.Rank == 0 ? NcclCommunicator.NewId(nccl).ToArray() : new byte[NcclUniqueId.Length];
            group.Broadcast(id);
            using NcclCommunicator communicator = NcclCommunicator.Join(nccl, backend.Context, NcclUniqueId.From(id), 2, group.Rank);
            try
            {
                body(communicator, backend.Pointer(memory), group.Rank);
            }
            catch (Exception e)
            {
                errors[group.Rank] = e.Message;
            }

            group.Barrier();
        });
        Assert.That(stub.Live, Is.Zero);
        return errors;
    }
}
