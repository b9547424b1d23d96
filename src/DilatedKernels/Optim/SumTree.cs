namespace DilatedKernels.Optim;

/// <summary>The sum of a range of a step's parts: as many as a power of two, from a multiple of that number on.</summary>
/// <param name="Begin">The first part.</param>
/// <param name="Length">How many there are.</param>
internal readonly record struct SumNode(int Begin, int Length)
{
    /// <summary>The part after the last.</summary>
    public int End => Begin + Length;

    /// <summary>Whether this node and the next make up a node of twice their length.</summary>
    public bool IsLeftOf(SumNode next) => next.Length == Length && next.Begin == End && Begin % (2L * Length) == 0;
}

/// <summary>
/// The one order in which the gradients and losses of a step's parts are added up, so that a sum has the same bits however the parts are spread over processes. Two
/// neighbours that make up a node are added, left + right, as soon as both are there; what is left at the end, where the parts are no power of two, is
/// added from left to right. Seven parts: <c>(((0+1)+(2+3)) + (4+5)) + 6</c>.
/// </summary>
internal static class SumTree
{
    /// <summary>The parts of one of several processes, <c>[begin, end)</c>: as even as can be, in order.</summary>
    public static (int Begin, int End) Share(int parts, int processes, int rank) =>
        ((int)((long)parts * rank / processes), (int)((long)parts * (rank + 1) / processes));

    /// <summary>The nodes of <c>[begin, end)</c>: the longest that there are, in order.</summary>
    public static IReadOnlyList<SumNode> Nodes(int begin, int end)
    {
        var nodes = new List<SumNode>();
        while (begin < end)
        {
            int length = 1;
            while (begin % (2L * length) == 0 && begin + (2L * length) <= end)
            {
                length *= 2;
            }

            nodes.Add(new SumNode(begin, length));
            begin += length;
        }

        return nodes;
    }
}

/// <summary>Adds values up in the order of <see cref="SumTree"/>, as they come, and holds no more of them than it must.</summary>
/// <param name="add">The sum of a left and a right value; it may overwrite the left and use it for the result.</param>
internal sealed class SumStack<T>(Func<T, T, T> add)
{
    private readonly List<(SumNode Node, T Value)> _nodes = [];

    /// <summary>The sums that wait for their neighbours, in order; all have to be given up where the step fails.</summary>
    public IReadOnlyList<(SumNode Node, T Value)> Nodes => _nodes;

    /// <summary>Adds the next value: those of parts, or of nodes, in order and without gaps.</summary>
    /// <exception cref="InvalidOperationException">It is not the next.</exception>
    public void Push(SumNode node, T value)
    {
        if (_nodes.Count > 0 && _nodes[^1].Node.End != node.Begin)
        {
            throw new InvalidOperationException($"The sum has come to part {_nodes[^1].Node.End}; part {node.Begin} is not the next.");
        }

        _nodes.Add((node, value));
        while (_nodes.Count > 1 && _nodes[^2].Node.IsLeftOf(_nodes[^1].Node))
        {
            (SumNode left, T sum) = _nodes[^2];
            sum = add(sum, _nodes[^1].Value);
            _nodes.RemoveAt(_nodes.Count - 1);
            _nodes[^1] = (left with { Length = 2 * left.Length }, sum);
        }
    }

    /// <summary>Adds what is left, from left to right; the stack is empty afterwards.</summary>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    public T Total()
    {
        if (_nodes.Count == 0)
        {
            throw new InvalidOperationException("There is nothing to add up.");
        }

        T total = _nodes[0].Value;
        while (_nodes.Count > 1)
        {
            total = add(total, _nodes[1].Value);
            _nodes.RemoveAt(1);
            _nodes[0] = (_nodes[0].Node, total);
        }

        _nodes.Clear();
        return total;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear() => _nodes.Clear();
}
