using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Distributed;
using DilatedKernels.Distributed.Nccl;

namespace DilatedKernels.Optim;

/// <summary>The gradients of some parameters one after the other, on their way to be added up over processes: a row of numbers for each node of the tree that this process holds.</summary>
internal abstract class GradientBucket : IDisposable
{
    private readonly Dictionary<Parameter, int> _begins = [];

    protected GradientBucket(IReadOnlyList<Parameter> parameters)
    {
        Parameters = parameters;
        foreach (Parameter parameter in parameters)
        {
            _begins.Add(parameter, Length);
            Length = checked(Length + (int)parameter.Value.Shape.Count);
        }
    }

    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The numbers of a row.</summary>
    public int Length { get; }

    /// <summary>Parameters whose gradient has yet to come.</summary>
    public int Missing { get; set; }

    /// <summary>Takes a parameter's gradients over; zeros where there is none.</summary>
    public void Take(Parameter parameter, IReadOnlyList<(SumNode Node, Tensor? Value)> values)
    {
        for (int node = 0; node < values.Count; node++)
        {
            Take(node, _begins[parameter], (int)parameter.Value.Shape.Count, values[node].Value);
        }
    }

    /// <summary>Begins to add up.</summary>
    public abstract void Send();

    /// <summary>Waits for the sums.</summary>
    public abstract void Wait();

    /// <summary>Gives the parameters their sums.</summary>
    public void Give()
    {
        foreach (Parameter parameter in Parameters)
        {
            Give(_begins[parameter], (int)parameter.Value.Shape.Count, parameter.GradientStorage());
        }
    }

    public abstract void Dispose();

    protected abstract void Take(int node, int begin, int count, Tensor? gradient);

    protected abstract void Give(int begin, int count, Tensor sum);
}

/// <summary>In host memory, from where any <see cref="ProcessGroup"/> moves them.</summary>
internal sealed class HostBucket(ProcessGroup group, int parts, int nodes, IReadOnlyList<Parameter> parameters) : GradientBucket(parameters)
{
    private readonly float[][] _nodes = [.. Enumerable.Range(0, nodes).Select(_ => new float[parameters.Sum(parameter => parameter.Value.Shape.Count)])];
    private PendingSum? _pending;

    // A node that has been sent makes room for the sum.
    private float[] Result => _nodes[0];

    public override void Send() => _pending = group.BeginSum(_nodes, parts, Result);

    public override void Wait() => _pending!.Wait();

    public override void Dispose()
    {
        // Holds nothing.
    }

    protected override void Take(int node, int begin, int count, Tensor? gradient)
    {
        Span<float> target = _nodes[node].AsSpan(begin, count);
        if (gradient is null)
        {
            target.Clear();
        }
        else
        {
            gradient.Backend.Download(gradient.Buffer, MemoryMarshal.AsBytes(target));
        }
    }

    protected override void Give(int begin, int count, Tensor sum) => sum.Backend.Upload(MemoryMarshal.AsBytes(Result.AsSpan(begin, count)), sum.Buffer);
}

/// <summary>In GPU memory, where NCCL moves them.</summary>
internal sealed class GpuBucket : GradientBucket
{
    private readonly NcclSum _sum;
    private readonly Backend _backend;

    public GpuBucket(NcclLink link, int parts, IReadOnlyList<Parameter> parameters)
        : base(parameters) => (_backend, _sum) = (link.Backend, link.NewSum(parts, Length));

    public override void Send() => _sum.Begin();

    public override void Wait() => _sum.Wait();

    public override void Dispose() => _sum.Dispose();

    protected override void Take(int node, int begin, int count, Tensor? gradient)
    {
        DeviceBuffer target = _sum.Node(node, begin, count);
        if (gradient is null)
        {
            _backend.Fill(target, count, 0);
        }
        else
        {
            _backend.Copy(gradient.Buffer, target, (long)count * sizeof(float));
        }
    }

    protected override void Give(int begin, int count, Tensor sum) => _backend.Copy(_sum.Node(0, begin, count), sum.Buffer, (long)count * sizeof(float));
}
