using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu.Conv2d;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Optim;

namespace DilatedKernels.Distributed.Nccl;

/// <summary>
/// A sum over processes of numbers in GPU memory, in the order of the tree: what <see cref="ProcessGroup.BeginSum"/> is in host memory. Each process owns a slice of the numbers, gets that slice of all nodes of
/// all processes, adds, and sends the sum to all. NCCL only moves; every addition is done by this library's own kernel.
/// </summary>
internal sealed class NcclSum : IDisposable
{
    // Of four numbers, which a thread adds at once.
    private const int Unit = 4;

    private readonly ProcessGroup _group;
    private readonly NcclLink _link;
    private readonly int _parts;
    private readonly int _length;
    private readonly int _rowLength;
    private readonly DeviceBuffer _rows;
    private readonly DeviceBuffer _received;
    private readonly EventHandle _filled;
    private readonly EventHandle _done;
    private ProcessGroup.OpenCall? _call;

    public NcclSum(ProcessGroup group, NcclLink link, int parts, int length)
    {
        (_group, _link, _parts, _length) = (group, link, parts, length);
        _rowLength = checked(Units(length) * Unit);
        int others = Enumerable.Range(0, group.Size).Where(rank => rank != group.Rank).Sum(rank => NodesOf(rank).Count);
        _rows = link.Backend.Allocate((long)_rowLength * NodesOf(group.Rank).Count, ElementType.Float32);
        try
        {
            _received = link.Backend.Allocate(others * ReceivedLength, ElementType.Float32);
            (_filled, _done) = (link.Context.CreateEvent(timing: false), link.Context.CreateEvent(timing: false));
        }
        catch
        {
            _received?.Dispose();
            _rows.Dispose();
            throw;
        }
    }

    /// <summary>Some numbers of one of this process's nodes, to be written before <see cref="Begin"/>; of the first, to be read after <see cref="Wait"/>: the sum.</summary>
    public DeviceBuffer Node(int index, int begin, int length) =>
        new BorrowedCudaBuffer(Row(index) + ((long)begin * sizeof(float)), (long)length * sizeof(float), released: null);

    /// <summary>Begins to add up what has been queued for the nodes so far.</summary>
    public void Begin()
    {
        _link.Open();
        _call = _group.Open(new Call(CallKind.DeviceSum, _length, _parts));
        ICudaContext context = _link.Context;
        context.Record(_filled, _link.Backend.Stream);
        context.Wait(_link.Stream, _filled);
        _link.Exchange(
            (nccl, rank) =>
            {
                (long begin, long length) = SliceOf(rank);
                for (int i = 0; length > 0 && i < NodesOf(_group.Rank).Count; i++)
                {
                    nccl.Send(Row(i) + (begin * sizeof(float)), length, rank, _link.Stream);
                }
            },
            (nccl, rank) =>
            {
                foreach (DevicePointer slice in SlicesFrom(rank))
                {
                    nccl.Receive(slice, SliceOf(_group.Rank).Length, rank, _link.Stream);
                }
            });

        // All nodes have been sent when this comes in the stream, so the sum may take the place of the first.
        AddUp();
        _link.Exchange(
            (nccl, rank) => Move(SliceOf(_group.Rank), (sum, length) => nccl.Send(sum, length, rank, _link.Stream)),
            (nccl, rank) => Move(SliceOf(rank), (sum, length) => nccl.Receive(sum, length, rank, _link.Stream)));
        context.Record(_done, _link.Stream);
    }

    /// <summary>Waits until the sum is there.</summary>
    /// <exception cref="ProcessGroupException">Another process failed, left, or made another call; or NCCL failed here.</exception>
    public void Wait()
    {
        _link.Finish(_filled, _done);
        _call!.End();
        _call = null;
    }

    public void Dispose()
    {
        if (_call is not null)
        {
            // What is under way would write into memory that is given back here.
            _link.Abort();
            _call.End();
            _call = null;
        }

        _rows.Dispose();
        _received.Dispose();
        if (_link.IsClosed)
        {
            return;
        }

        try
        {
            _link.Context.DestroyEvent(_filled);
            _link.Context.DestroyEvent(_done);
        }
        catch (CudaException)
        {
            // The context has a fault, which must not be hidden; the events go with it.
        }
    }

    private static int Units(int length) => (length + Unit - 1) / Unit;

    private long ReceivedLength => Units((int)SliceOf(_group.Rank).Length) * (long)Unit;

    private DevicePointer Row(int node) => _link.Backend.Pointer(_rows) + ((long)node * _rowLength * sizeof(float));

    private void Move((long Begin, long Length) slice, Action<DevicePointer, long> move)
    {
        if (slice.Length > 0)
        {
            move(Row(0) + (slice.Begin * sizeof(float)), slice.Length);
        }
    }

    private (long Begin, long Length) SliceOf(int rank)
    {
        long begin = (long)Split.Begin(Units(_length), _group.Size, rank) * Unit;
        long end = (long)Split.Begin(Units(_length), _group.Size, rank + 1) * Unit;
        return (begin, Math.Min(end, _length) - begin);
    }

    private IReadOnlyList<SumNode> NodesOf(int rank)
    {
        (int begin, int end) = SumTree.Share(_parts, _group.Size, rank);
        return SumTree.Nodes(begin, end);
    }

    // Where this process's slice of another's nodes is, or of its own.
    private IEnumerable<DevicePointer> SlicesFrom(int rank)
    {
        (long begin, long length) = SliceOf(_group.Rank);
        int before = Enumerable.Range(0, rank).Where(other => other != _group.Rank).Sum(other => NodesOf(other).Count);
        for (int i = 0; length > 0 && i < NodesOf(rank).Count; i++)
        {
            yield return rank == _group.Rank
                ? Row(i) + (begin * sizeof(float))
                : _link.Backend.Pointer(_received) + ((before + i) * ReceivedLength * sizeof(float));
        }
    }

    private void AddUp()
    {
        (long begin, long length) = SliceOf(_group.Rank);
        if (length == 0)
        {
            return;
        }

        var stack = new SumStack<DevicePointer>((left, right) =>
        {
            _link.Backend.AddOn(_link.Stream, left, right, left, length);
            return left;
        });
        for (int rank = 0; rank < _group.Size; rank++)
        {
            foreach ((SumNode node, DevicePointer slice) in NodesOf(rank).Zip(SlicesFrom(rank)))
            {
                stack.Push(node, slice);
            }
        }

        DevicePointer total = stack.Total();
        DevicePointer own = Row(0) + (begin * sizeof(float));
        if (total != own)
        {
            _link.Context.CopyOnDevice(total, own, length * sizeof(float), _link.Stream);
        }
    }
}
