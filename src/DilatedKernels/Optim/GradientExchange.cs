using System.Diagnostics;
using System.Runtime.InteropServices;
using DilatedKernels.Distributed;

namespace DilatedKernels.Optim;

/// <summary>
/// Adds up a step's losses and gradients over processes, in the order of <see cref="SumTree"/>. Gradients go in buckets of several parameters, those of a network's end
/// first; a bucket is on its way as soon as the last part's backward pass has made its last gradient, while that pass goes on. Numbers pass through host memory.
/// </summary>
/// <param name="group">The processes.</param>
/// <param name="parameters">The optimizer's parameters, alike in every process.</param>
/// <param name="parts">The parts of a step.</param>
/// <param name="labels">The labels of this process's parts.</param>
internal sealed class GradientExchange(ProcessGroup group, IReadOnlyList<Parameter> parameters, int parts, StepLabels labels)
{
    // Large enough for the bandwidth of a link, small enough for several in a network of a few million parameters.
    private const long BucketNumbers = 1 << 20;

    private readonly int _nodes = OwnNodes(group, parts);
    private readonly List<PendingSum> _pending = [];
    private readonly Dictionary<Parameter, Bucket> _bucketOf = [];
    private readonly HashSet<Parameter> _present = [];
    private Parameter[] _trainable = [];
    private Bucket[] _buckets = [];
    private Bucket? _last;
    private int _begun;

    /// <summary>How many sums of the step have begun, those of its losses among them.</summary>
    public int Sent => _pending.Count;

    /// <summary>How long this process has waited for others in the step.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>Whether sums begin while the backward pass goes on. Set to false to see what that is worth: the same bits, later.</summary>
    public bool Overlaps { get; set; } = true;

    /// <summary>Told the length of each sum that begins, to measure when.</summary>
    public Action<int>? Beginning { get; set; }

    /// <summary>Begins a step: agrees on the counts of its labels, and with them on sums of other numbers.</summary>
    /// <returns>The sums.</returns>
    public long[] Begin(IReadOnlyList<long> tally)
    {
        Waited = TimeSpan.Zero;
        long[] numbers = [.. labels.Histogram(), .. tally];
        long[] sums = [];
        Wait(() => sums = group.Sum(numbers));
        labels.SetTotal(sums.AsSpan(0, LabelMap.Labels));
        Parameter[] trainable = [.. parameters.Where(parameter => parameter.IsTrainable)];
        if (_last is null || !trainable.SequenceEqual(_trainable))
        {
            Plan(trainable);
        }

        // What a step that failed left.
        _pending.Clear();
        _present.Clear();
        _begun = 0;
        foreach (Bucket bucket in _buckets)
        {
            bucket.Missing = bucket.Parameters.Count;
        }

        return sums[LabelMap.Labels..];
    }

    /// <summary>Takes a parameter's gradient of this process's parts, and sends it when its bucket is full.</summary>
    public void Add(Parameter parameter, PartSums sums)
    {
        if (!_bucketOf.TryGetValue(parameter, out Bucket? bucket))
        {
            return;
        }

        _present.Add(parameter);
        bucket.Take(parameter, sums.NodesOf(parameter));
        bucket.Missing--;
        if (Overlaps)
        {
            Send();
        }
    }

    /// <summary>Sends what has not been sent yet, waits for all sums and gives them to the parameters and to <paramref name="loss"/>.</summary>
    public void Finish(PartSums sums, Tensor loss)
    {
        foreach (Bucket bucket in _buckets)
        {
            foreach (Parameter parameter in bucket.Parameters.Where(parameter => !_present.Contains(parameter)))
            {
                bucket.Take(parameter, sums.NodesOf(parameter));
            }

            bucket.Missing = 0;
        }

        Send();
        SendLosses(sums);
        sums.Clear();
        foreach ((Bucket bucket, PendingSum pending) in _buckets.Zip(_pending))
        {
            Wait(() => pending.Wait());
            bucket.Give();
        }

        Wait(() => _pending[^1].Wait());
        float[] result = _last!.Result;
        loss.Backend.Upload(MemoryMarshal.AsBytes(result.AsSpan(0, 1)), loss.Buffer);
        for (int i = 0; i < _trainable.Length; i++)
        {
            _trainable[i].HasGradient = result[i + 1] > 0;
        }
    }

    private static int OwnNodes(ProcessGroup group, int parts)
    {
        (int begin, int end) = SumTree.Share(parts, group.Size, group.Rank);
        return SumTree.Nodes(begin, end).Count;
    }

    private void Wait(Action wait)
    {
        long began = Stopwatch.GetTimestamp();
        wait();
        Waited += Stopwatch.GetElapsedTime(began);
    }

    private void Plan(Parameter[] trainable)
    {
        _trainable = trainable;
        _bucketOf.Clear();
        var buckets = new List<List<Parameter>>();
        long numbers = BucketNumbers;
        foreach (Parameter parameter in trainable.Reverse())
        {
            if (numbers + parameter.Value.Shape.Count > BucketNumbers)
            {
                buckets.Add([]);
                numbers = 0;
            }

            buckets[^1].Add(parameter);
            numbers += parameter.Value.Shape.Count;
        }

        _buckets = [.. buckets.Select(own => new Bucket(own, _nodes))];
        foreach (Bucket bucket in _buckets)
        {
            foreach (Parameter parameter in bucket.Parameters)
            {
                _bucketOf.Add(parameter, bucket);
            }
        }

        // The loss, and of each parameter how many parts have a gradient of it: without any it is not updated.
        _last = new Bucket([], _nodes, 1 + trainable.Length);
    }

    // In the same order everywhere.
    private void Send()
    {
        while (_begun < _buckets.Length && _buckets[_begun].Missing == 0)
        {
            Send(_buckets[_begun++]);
        }
    }

    private void Send(Bucket bucket)
    {
        Beginning?.Invoke(bucket.Result.Length);
        _pending.Add(group.BeginSum(bucket.Nodes, parts, bucket.Result));
    }

    private void SendLosses(PartSums sums)
    {
        for (int node = 0; node < _nodes; node++)
        {
            float[] numbers = _last!.Nodes[node];
            numbers[0] = sums.LossNodes[node].Value!.Item();
            for (int i = 0; i < _trainable.Length; i++)
            {
                numbers[i + 1] = sums.NodesOf(_trainable[i])[node].Value is null ? 0 : 1;
            }
        }

        Send(_last!);
    }

    // Numbers of some parameters one after the other, in host memory: a row for each of this process's nodes.
    private sealed class Bucket(IReadOnlyList<Parameter> parameters, int nodes, long more = 0)
    {
        private readonly Dictionary<Parameter, int> _begins = Begins(parameters);

        public IReadOnlyList<Parameter> Parameters => parameters;

        public float[][] Nodes { get; } = [.. Enumerable.Range(0, nodes).Select(_ => new float[Count(parameters, more)])];

        // A node that has been sent makes room for the sum.
        public float[] Result => Nodes[0];

        /// <summary>Parameters whose gradient has yet to come.</summary>
        public int Missing { get; set; }

        public void Take(Parameter parameter, IReadOnlyList<(SumNode Node, Tensor? Value)> values)
        {
            for (int node = 0; node < values.Count; node++)
            {
                Span<float> target = Place(parameter, Nodes[node]);
                if (values[node].Value is { } gradient)
                {
                    gradient.Backend.Download(gradient.Buffer, MemoryMarshal.AsBytes(target));
                }
                else
                {
                    target.Clear();
                }
            }
        }

        public void Give()
        {
            foreach (Parameter parameter in parameters)
            {
                parameter.Value.Backend.Upload(MemoryMarshal.AsBytes(Place(parameter, Result)), parameter.GradientStorage().Buffer);
            }
        }

        private Span<float> Place(Parameter parameter, float[] numbers) => numbers.AsSpan(_begins[parameter], (int)parameter.Value.Shape.Count);

        private static long Count(IReadOnlyList<Parameter> parameters, long more) => parameters.Sum(parameter => parameter.Value.Shape.Count) + more;

        private static Dictionary<Parameter, int> Begins(IReadOnlyList<Parameter> parameters)
        {
            var begins = new Dictionary<Parameter, int>();
            long begin = 0;
            foreach (Parameter parameter in parameters)
            {
                begins.Add(parameter, checked((int)begin));
                begin += parameter.Value.Shape.Count;
            }

            return begins;
        }
    }
}
