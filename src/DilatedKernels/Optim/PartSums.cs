namespace DilatedKernels.Optim;

/// <summary>
/// Adds up the gradients and losses of a step's parts on their device, in the order of <see cref="SumTree"/>. A parameter's gradient of a part is added as soon as
/// it is whole, so beside one set of gradients there are as many more as the tree has levels, less one.
/// </summary>
internal sealed class PartSums
{
    private readonly IReadOnlyList<Parameter> _parameters;
    private readonly Dictionary<Parameter, SumStack<Tensor?>> _gradients;
    private readonly SumStack<Tensor?> _losses = new(Add);
    private readonly HashSet<Parameter> _whole = [];

    public PartSums(IReadOnlyList<Parameter> parameters)
    {
        _parameters = parameters;
        _gradients = parameters.ToDictionary(parameter => parameter, _ => new SumStack<Tensor?>(Add));
    }

    /// <summary>Takes the gradient of a part from its parameter, one that is not among the sum's aside.</summary>
    /// <returns>Whether it is among them.</returns>
    public bool AddGradient(int part, Parameter parameter)
    {
        if (!_gradients.TryGetValue(parameter, out SumStack<Tensor?>? sums))
        {
            return false;
        }

        _whole.Add(parameter);
        Push(sums, part, parameter.TakeGradient());
        return true;
    }

    /// <summary>Ends a part whose gradients have all been added.</summary>
    /// <param name="part">The part.</param>
    /// <param name="loss">Its loss, from now on the sums' own.</param>
    public void End(int part, Tensor loss)
    {
        Push(_losses, part, loss);
        foreach (Parameter parameter in _parameters)
        {
            if (!_whole.Contains(parameter))
            {
                // Gradients from elsewhere, or none.
                Push(_gradients[parameter], part, parameter.TakeGradient());
            }
        }

        _whole.Clear();
    }

    /// <summary>What has been added up of a parameter's gradient, null where no part had one.</summary>
    public IReadOnlyList<(SumNode Node, Tensor? Value)> NodesOf(Parameter parameter) => _gradients[parameter].Nodes;

    /// <summary>What has been added up of the loss.</summary>
    public IReadOnlyList<(SumNode Node, Tensor? Value)> LossNodes => _losses.Nodes;

    /// <summary>Adds up what is left, gives the parameters their gradients and the loss to <paramref name="loss"/>.</summary>
    public void Finish(Tensor loss)
    {
        foreach (Parameter parameter in _parameters)
        {
            if (_gradients[parameter].Total() is { } sum)
            {
                parameter.PutGradient(sum, isSum: true);
            }
        }

        using Tensor total = _losses.Total()!;
        loss.Backend.Copy(total.Buffer, loss.Buffer, sizeof(float));
    }

    /// <summary>Gives up what is left of the sums. Each parameter keeps memory for its next gradient: a recording knows where that was.</summary>
    public void Clear()
    {
        foreach ((Parameter parameter, SumStack<Tensor?> sums) in _gradients)
        {
            Tensor?[] values = [.. sums.Nodes.Select(node => node.Value).Where(value => value is not null)];
            sums.Clear();
            if (values.Length > 0)
            {
                parameter.PutGradient(values[0]!, isSum: false);
            }

            foreach (Tensor? value in values.Skip(1))
            {
                value!.Dispose();
            }
        }

        foreach ((_, Tensor? loss) in _losses.Nodes)
        {
            loss?.Dispose();
        }

        _losses.Clear();
        _whole.Clear();
    }

    // Where the sum fails, both are on the stack still, or neither.
    private static void Push(SumStack<Tensor?> sums, int part, Tensor? value) => sums.Push(new SumNode(part, 1), value);

    private static Tensor? Add(Tensor? left, Tensor? right)
    {
        if (left is null || right is null)
        {
            return left ?? right;
        }

        left.Backend.Add(left.Buffer, right.Buffer, left.Buffer, left.Shape.Count);
        right.Dispose();
        return left;
    }
}
