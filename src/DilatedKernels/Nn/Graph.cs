namespace DilatedKernels.Nn;

/// <summary>One module of a <see cref="Graph"/> and what it reads.</summary>
/// <param name="Module">The module; a <see cref="Join"/> where there are several inputs.</param>
/// <param name="Inputs">The positions of earlier nodes, or <see cref="Graph.Input"/> for the graph's own input.</param>
public sealed record GraphNode(Module Module, IReadOnlyList<int> Inputs);

/// <summary>
/// Modules that read the network's input or what earlier ones made; the last one's result is the graph's. What a node made is freed as soon as its
/// last reader has run, unless a gradient will need it or <see cref="Tape.Keep"/> was called on it, so a prediction holds no more than what is yet to be read.
/// Where no tape is open, the result belongs to the caller, and everything before it is freed.
/// </summary>
public sealed class Graph : Module
{
    /// <summary>Stands for the graph's input in <see cref="GraphNode.Inputs"/>.</summary>
    public const int Input = -1;

    private readonly GraphNode[] _nodes;
    private readonly int[][] _lastRead;
    private readonly Parameter[] _parameters;

    /// <summary>Makes the graph and takes ownership of its modules.</summary>
    /// <param name="nodes">One or more, in an order of computation.</param>
    /// <exception cref="ArgumentException">There is no node, or one reads itself, a later one or nothing, or several tensors without being a <see cref="Join"/>.</exception>
    public Graph(params IEnumerable<GraphNode> nodes)
    {
        _nodes = [.. nodes];
        if (_nodes.Length == 0)
        {
            throw new ArgumentException("A graph has one node or more.", nameof(nodes));
        }

        int[] reader = new int[_nodes.Length];
        for (int i = 0; i < _nodes.Length; i++)
        {
            (Module module, IReadOnlyList<int> inputs) = _nodes[i];
            if (inputs.Count == 0 || inputs.Any(input => input < Input || input >= i) || (inputs.Count > 1 && module is not Join))
            {
                throw new ArgumentException(
                    $"Node {i} ({module}) reads {string.Join(", ", inputs)}: it must read nodes before it or the input, {Input}, and one only unless it is a join.", nameof(nodes));
            }

            foreach (int input in inputs.Where(input => input != Input))
            {
                reader[input] = i;
            }
        }

        _lastRead = [.. _nodes.Select((_, i) => Enumerable.Range(0, i).Where(earlier => reader[earlier] == i).ToArray())];
        _parameters = [.. _nodes.SelectMany(node => node.Module.Parameters).Distinct()];
    }

    /// <summary>The modules in the order of computation.</summary>
    public IReadOnlyList<GraphNode> Nodes => _nodes;

    /// <inheritdoc/>
    public override IReadOnlyList<Parameter> Parameters => _parameters;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor x, ForwardContext context)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Tape.Current is null ? Tape.InferUntaped(() => Apply(x, context)) : Apply(x, context);
    }

    private Tensor Apply(Tensor x, ForwardContext context)
    {
        var made = new Tensor?[_nodes.Length];
        for (int i = 0; i < _nodes.Length; i++)
        {
            (Module module, IReadOnlyList<int> inputs) = _nodes[i];
            made[i] = module is Join join
                ? join.Forward([.. inputs.Select(Of)])
                : module.Forward(Of(inputs[0]), context);
            foreach (int read in _lastRead[i])
            {
                Tensor done = made[read]!;
                made[read] = null;
                // A module may hand its input on (dropout in prediction does), and x belongs to the caller.
                if (done != x && Array.IndexOf(made, done) < 0)
                {
                    Tape.ReleaseIfUnrecorded(done);
                }
            }
        }

        return made[^1]!;

        Tensor Of(int index) => index == Input ? x : made[index]!;
    }
}
