using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>
/// The gradients of a backward pass in progress: one buffer a tensor, of the tensor's type, sums where a tensor was used more than once.
/// A gradient is masked when it is 0 wherever its tensor is not positive: then the ReLU that made the tensor has nothing left to do. A sum is masked when all its terms are.
/// </summary>
internal sealed class GradientTable : IDisposable
{
    private readonly Dictionary<Tensor, DeviceBuffer> _pending = [];
    private readonly HashSet<Tensor> _masked = [];
    private DeviceBuffer? _given;

    public GradientTable(Tensor loss)
    {
        DeviceBuffer one = loss.Backend.Allocate(1, ElementType.Float32);
        _pending.Add(loss, one);
        try
        {
            loss.Backend.Fill(one, 1, 1f);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Takes the finished gradient of a tensor out of the table, or null when none arrived.</summary>
    public DeviceBuffer? Take(Tensor tensor, out bool isMasked)
    {
        isMasked = _masked.Remove(tensor);
        return _pending.Remove(tensor, out DeviceBuffer? gradient) ? gradient : null;
    }

    /// <summary>What has arrived of a tensor's gradient so far, or null.</summary>
    public DeviceBuffer? Peek(Tensor tensor) => Sum(tensor);

    /// <summary>Frees a gradient that was taken, unless the node gave it on.</summary>
    public void Return(DeviceBuffer gradient)
    {
        if (_given == gradient)
        {
            _given = null;
        }
        else
        {
            gradient.Dispose();
        }
    }

    public void Write(Tensor tensor, Action<DeviceBuffer> write, bool isMasked)
    {
        Backend backend = tensor.Backend;
        long count = tensor.Shape.Count;
        DeviceBuffer? sum = Sum(tensor);
        NoteMask(tensor, isMasked, isFirst: sum is null);
        if (sum is null)
        {
            write(Start(tensor));
            return;
        }

        using DeviceBuffer term = backend.Allocate(count, tensor.ElementType);
        write(term);
        backend.Add(sum, term, sum, count);
    }

    public void Give(Tensor tensor, DeviceBuffer gradient, bool isMasked)
    {
        Backend backend = tensor.Backend;
        long count = tensor.Shape.Count;
        DeviceBuffer? sum = Sum(tensor);
        NoteMask(tensor, isMasked, isFirst: sum is null);
        if (sum is not null)
        {
            backend.Add(sum, gradient, sum, count);
        }
        else if (tensor.Parameter is not null)
        {
            backend.Copy(gradient, Start(tensor), count * sizeof(float));
        }
        else
        {
            _pending.Add(tensor, gradient);
            _given = gradient;
        }
    }

    public void Dispose()
    {
        foreach (DeviceBuffer gradient in _pending.Values)
        {
            gradient.Dispose();
        }

        _pending.Clear();
    }

    private void NoteMask(Tensor tensor, bool isMasked, bool isFirst)
    {
        if (!isMasked)
        {
            _masked.Remove(tensor);
        }
        else if (isFirst)
        {
            _masked.Add(tensor);
        }
    }

    private DeviceBuffer? Sum(Tensor tensor) => tensor.Parameter is { } parameter
        ? parameter.Gradient?.Buffer
        : _pending.GetValueOrDefault(tensor);

    private DeviceBuffer Start(Tensor tensor)
    {
        if (tensor.Parameter is { } parameter)
        {
            parameter.HasGradient = true;
            return parameter.GradientStorage().Buffer;
        }

        DeviceBuffer buffer = tensor.Backend.Allocate(tensor.Shape.Count, tensor.ElementType);
        _pending.Add(tensor, buffer);
        return buffer;
    }
}
