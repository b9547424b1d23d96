using System.Numerics;
using DilatedKernels.Backends.Cpu.Conv2d;
using DilatedKernels.Optim;

namespace DilatedKernels.Distributed;

/// <summary>
/// The arithmetic of <see cref="ProcessGroup.BeginSum"/>: which values a process owns, and their addition in the order of the tree.
/// </summary>
internal sealed class OrderedSum
{
    // Of one node, in the processor's first cache; as many nodes lie on the stack as the tree is deep.
    private const int BlockLength = 1024;

    private readonly int _rank;
    private readonly int _size;

    public OrderedSum(IReadOnlyList<float[]> nodes, int parts, float[] result, int rank, int size)
    {
        (Nodes, Parts, Result) = (nodes, parts, result);
        (_rank, _size) = (rank, size);
        int expected = NodesOf(rank).Count;
        if (nodes.Count != expected)
        {
            throw new ArgumentException($"Rank {rank} of {size} holds {expected} nodes of the tree over {parts} parts, but {nodes.Count} were given.", nameof(nodes));
        }

        if (nodes.FirstOrDefault(node => node.Length != result.Length) is { } other)
        {
            throw new ArgumentException($"The nodes and the result have one length, but a node has {other.Length} values and the result {result.Length}.", nameof(nodes));
        }
    }

    public IReadOnlyList<float[]> Nodes { get; }

    public int Parts { get; }

    public float[] Result { get; }

    /// <summary>The values that a process owns, in bytes from the first.</summary>
    public (long Begin, long Length) SliceOf(int rank)
    {
        long begin = Split.Begin(Result.Length, _size, rank);
        return (sizeof(float) * begin, sizeof(float) * (Split.Begin(Result.Length, _size, rank + 1) - begin));
    }

    /// <summary>The nodes that a process holds.</summary>
    public IReadOnlyList<SumNode> NodesOf(int rank)
    {
        (int begin, int end) = SumTree.Share(Parts, _size, rank);
        return SumTree.Nodes(begin, end);
    }

    /// <summary>Adds the nodes of all processes, given in their order, up.</summary>
    /// <param name="slices">The owned values of every node.</param>
    /// <param name="result">The owned values of the sum; may be one of the slices.</param>
    public void Add(IReadOnlyList<Block> slices, Block result)
    {
        SumNode[] nodes = [.. Enumerable.Range(0, _size).SelectMany(NodesOf)];
        Span<float> sum = result.AsSpan<float>();
        if (nodes.Length == 0)
        {
            sum.Clear();
            return;
        }

        var free = new Stack<float[]>();
        int length = 0;
        var stack = new SumStack<float[]>((left, right) =>
        {
            AddTo(left.AsSpan(0, length), right);
            free.Push(right);
            return left;
        });
        for (int begin = 0; begin < sum.Length; begin += BlockLength)
        {
            length = Math.Min(BlockLength, sum.Length - begin);
            for (int i = 0; i < nodes.Length; i++)
            {
                if (!free.TryPop(out float[]? values))
                {
                    values = new float[BlockLength];
                }

                slices[i].AsSpan<float>().Slice(begin, length).CopyTo(values);
                stack.Push(nodes[i], values);
            }

            float[] total = stack.Total();
            total.AsSpan(0, length).CopyTo(sum[begin..]);
            free.Push(total);
        }
    }

    private static void AddTo(Span<float> left, ReadOnlySpan<float> right)
    {
        int i = 0;
        for (; i <= left.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            (new Vector<float>(left[i..]) + new Vector<float>(right[i..])).CopyTo(left[i..]);
        }

        for (; i < left.Length; i++)
        {
            left[i] += right[i];
        }
    }
}
