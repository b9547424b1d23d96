using System.Diagnostics;
using System.Runtime.InteropServices;
using DilatedKernels.Distributed;
using DilatedKernels.Distributed.Nccl;

namespace DilatedKernels.Optim;

/// <summary>
/// Adds up a step's losses and gradients over processes, in the order of <see cref="SumTree"/>. Gradients go in buckets of several parameters, those of a network's end
/// first; a bucket is on its way as soon as the last part's backward pass has made its last gradient, while that pass goes on. Between GPUs that NCCL joins gradients stay in their memory;
/// all else passes through host memory.
/// </summary>
/// <param name="group">The processes.</param>
/// <param name="parameters">The optimizer's parameters, alike in every process.</param>
/// <param name="parts">The parts of a step.</param>
/// <param name="labels">The labels of this process's parts.</param>
internal sealed class GradientExchange(ProcessGroup group, IReadOnlyList<Parameter> parameters, int parts, StepLabels labels) : IDisposable
{
    // Large enough for the bandwidth of a link, small enough for several in a network of a few million parameters.
    private const long BucketNumbers = 1 << 20;

    private readonly int _nodes = OwnNodes(group, parts);
    private readonly Dictionary<Parameter, GradientBucket> _bucketOf = [];
    private readonly HashSet<Parameter> _present = [];
    private Parameter[] _trainable = [];
    private GradientBucket[] _buckets = [];
    private float[][] _lastNodes = [];
    private PendingSum? _last;
    private NcclLink? _link;
    private bool _isPlanned;
    private int _begun;

    /// <summary>How many sums of the step have begun, those of its losses among them.</summary>
    public int Sent => _begun + (_last is null ? 0 : 1);

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
        if (!_isPlanned)
        {
            // All processes make their first step together.
            Wait(() => _link = group.LinkOf(parameters[0].Value.Backend));
        }

        if (!_isPlanned || !trainable.SequenceEqual(_trainable))
        {
            Plan(trainable);
        }

        // What a step that failed left.
        _last = null;
        _present.Clear();
        _begun = 0;
        foreach (GradientBucket bucket in _buckets)
        {
            bucket.Missing = bucket.Parameters.Count;
        }

        return sums[LabelMap.Labels..];
    }

    /// <summary>Takes a parameter's gradient of this process's parts, and sends it when its bucket is full.</summary>
    public void Add(Parameter parameter, PartSums sums)
    {
        if (!_bucketOf.TryGetValue(parameter, out GradientBucket? bucket))
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
        foreach (GradientBucket bucket in _buckets)
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
        foreach (GradientBucket bucket in _buckets)
        {
            Wait(bucket.Wait);
            bucket.Give();
        }

        Wait(() => _last!.Wait());
        float[] result = _lastNodes[0];
        loss.Backend.Upload(MemoryMarshal.AsBytes(result.AsSpan(0, 1)), loss.Buffer);
        for (int i = 0; i < _trainable.Length; i++)
        {
            _trainable[i].HasGradient = result[i + 1] > 0;
        }
    }

    /// <summary>Gives memory back, and gives up what is under way.</summary>
    public void Dispose()
    {
        GradientBucket[] buckets = _buckets;
        _buckets = [];
        foreach (GradientBucket bucket in buckets)
        {
            bucket.Dispose();
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
        Dispose();
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

        foreach (List<Parameter> own in buckets)
        {
            GradientBucket bucket = _link is null ? new HostBucket(group, parts, _nodes, own) : new GpuBucket(_link, parts, own);
            _buckets = [.. _buckets, bucket];
            own.ForEach(parameter => _bucketOf.Add(parameter, bucket));
        }

        // The loss, and of each parameter how many parts have a gradient of it: without any it is not updated.
        _lastNodes = [.. Enumerable.Range(0, _nodes).Select(_ => new float[1 + trainable.Length])];
        _isPlanned = true;
    }

    // In the same order everywhere.
    private void Send()
    {
        while (_begun < _buckets.Length && _buckets[_begun].Missing == 0)
        {
            GradientBucket bucket = _buckets[_begun++];
            Beginning?.Invoke(bucket.Length);
            bucket.Send();
        }
    }

    private void SendLosses(PartSums sums)
    {
        for (int node = 0; node < _nodes; node++)
        {
            float[] numbers = _lastNodes[node];
            numbers[0] = sums.LossNodes[node].Value!.Item();
            for (int i = 0; i < _trainable.Length; i++)
            {
                numbers[i + 1] = sums.NodesOf(_trainable[i])[node].Value is null ? 0 : 1;
            }
        }

        Beginning?.Invoke(_lastNodes[0].Length);

        // A node that has been sent makes room for the sum.
        _last = group.BeginSum(_lastNodes, parts, _lastNodes[0]);
    }
}
