using System.Diagnostics;
using System.Runtime.InteropServices;
using DilatedKernels.Backends;

namespace DilatedKernels;

/// <summary>
/// An array of shape <c>[N, C, H, W]</c> on a device, of float32 or bfloat16 numbers. Memory is channels-last (<c>[N][H][W][C]</c>) on every device;
/// arrays that enter or leave through <see cref="FromArray"/> and <see cref="ToArray"/> are in the order of the shape. They are float32: what
/// enters a bfloat16 tensor is rounded to nearest, ties to even.
/// </summary>
/// <remarks>
/// A tensor made by an operator while a <see cref="Tape"/> is open belongs to that tape, which frees it; any other tensor
/// belongs to its maker. Disposing twice is allowed; use after that throws <see cref="ObjectDisposedException"/>.
/// </remarks>
[DebuggerDisplay("{DebuggerText,nq}")]
public sealed class Tensor : IDisposable
{
    private DeviceBuffer? _buffer;

    internal Tensor(Device device, Shape shape, DeviceBuffer buffer)
    {
        Device = device;
        Shape = shape;
        ElementType = buffer.ElementType;
        _buffer = buffer;
    }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>How the values are stored.</summary>
    public ElementType ElementType { get; }

    /// <summary>Where the values are.</summary>
    public Device Device { get; }

    /// <summary>True once the memory has been given back.</summary>
    public bool IsDisposed => _buffer is null;

    /// <summary>True when a gradient flows to this tensor: it is a trainable parameter's value or was computed from one on a recording tape.</summary>
    public bool RequiresGradient { get; internal set; }

    internal Parameter? Parameter { get; set; }

    /// <summary>
    /// True for what a ReLU gave, and for elements chosen from that: an operator that reads it may set its gradient to 0 wherever it is not positive.
    /// The ReLU, told so, then needs no pass of its own over the gradient.
    /// </summary>
    internal bool IsRectified { get; set; }

    /// <summary>How often the values have been overwritten since an operator or the caller made them.</summary>
    internal int Version { get; private set; }

    /// <summary>The tape that owns this tensor, if one does.</summary>
    internal Tape? Tape { get; set; }

    internal DeviceBuffer Buffer => _buffer ?? throw new ObjectDisposedException(
        nameof(Tensor),
        Parameter is { } parameter
            ? $"The parameter '{parameter.Name}' has been disposed."
            : $"The tensor {Shape} has been freed. A tape frees intermediates during Backward and when it is disposed; call Tape.Keep on the ones to read later.");

    internal Backend Backend => Device.Backend;

    private string DebuggerText => IsDisposed ? $"{Shape} (freed)" : $"{Shape} {ElementType.Name()} on {Device}";

    /// <summary>A tensor of zeros.</summary>
    /// <param name="device">Where to put it.</param>
    /// <param name="shape">Its extents, each 0 or more.</param>
    /// <param name="type">How to store the values.</param>
    public static Tensor Zeros(Device device, Shape shape, ElementType type = ElementType.Float32)
    {
        Tensor tensor = Allocate(device, shape, type);
        try
        {
            device.Backend.Fill(tensor.Buffer, shape.Count, 0f);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Copies values given in the order of the shape (N, then C, then H, then W).</summary>
    /// <param name="device">Where to put the tensor.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="values">Exactly <see cref="Shape.Count"/> values.</param>
    /// <param name="type">How to store the values.</param>
    /// <exception cref="ArgumentException">The number of values differs from the shape's count.</exception>
    public static Tensor FromArray(Device device, Shape shape, ReadOnlySpan<float> values, ElementType type = ElementType.Float32)
    {
        ArgumentNullException.ThrowIfNull(device);
        CheckCount(shape, values.Length);
        float[] channelsLast = new float[values.Length];
        ChannelOrder.ToChannelsLast(shape, values, channelsLast);
        return FromChannelsLast(device, shape, channelsLast, type);
    }

    /// <summary>Copies values given channels-last: N, then H, then W, then C.</summary>
    /// <param name="device">Where to put the tensor.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="values">Exactly <see cref="Shape.Count"/> values.</param>
    /// <param name="type">How to store the values.</param>
    /// <exception cref="ArgumentException">The number of values differs from the shape's count.</exception>
    public static Tensor FromChannelsLast(Device device, Shape shape, ReadOnlySpan<float> values, ElementType type = ElementType.Float32)
    {
        ArgumentNullException.ThrowIfNull(device);
        CheckCount(shape, values.Length);
        Tensor tensor = Allocate(device, shape, type);
        try
        {
            tensor.Write(values);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    /// <summary>Whether every value is a finite number. The values are copied back for that.</summary>
    public bool IsFinite()
    {
        bool isFinite = FiniteCheck.First(Backend, Buffer, Shape) is null;
        GC.KeepAlive(this);
        return isFinite;
    }

    /// <summary>The values in the order of the shape (N, then C, then H, then W).</summary>
    public float[] ToArray()
    {
        float[] channelsLast = ToChannelsLast();
        float[] values = new float[channelsLast.Length];
        ChannelOrder.FromChannelsLast(Shape, channelsLast, values);
        return values;
    }

    /// <summary>The values channels-last: N, then H, then W, then C.</summary>
    public float[] ToChannelsLast()
    {
        float[] values = new float[checked((int)Shape.Count)];
        CopyToChannelsLast(values);
        return values;
    }

    /// <summary>Copies the values channels-last into <paramref name="target"/>.</summary>
    /// <param name="target">Exactly <see cref="Shape.Count"/> values.</param>
    /// <exception cref="ArgumentException">The length of <paramref name="target"/> differs from the shape's count.</exception>
    public void CopyToChannelsLast(Span<float> target)
    {
        CheckCount(Shape, target.Length);
        Read(target);
    }

    /// <summary>Overwrites the values with ones given channels-last.</summary>
    /// <param name="values">Exactly <see cref="Shape.Count"/> values.</param>
    /// <exception cref="ArgumentException">The number of values differs from the shape's count.</exception>
    public void SetChannelsLast(ReadOnlySpan<float> values)
    {
        CheckCount(Shape, values.Length);
        Write(values);
    }

    /// <summary>Overwrites the values with ones given in the order of the shape (N, then C, then H, then W).</summary>
    /// <param name="values">Exactly <see cref="Shape.Count"/> values.</param>
    /// <exception cref="ArgumentException">The number of values differs from the shape's count.</exception>
    public void SetArray(ReadOnlySpan<float> values)
    {
        CheckCount(Shape, values.Length);
        float[] channelsLast = new float[values.Length];
        ChannelOrder.ToChannelsLast(Shape, values, channelsLast);
        SetChannelsLast(channelsLast);
    }

    /// <summary>The value of a tensor with one element.</summary>
    /// <exception cref="InvalidOperationException">The tensor has another number of elements.</exception>
    public float Item()
    {
        if (Shape.Count != 1)
        {
            throw new InvalidOperationException($"Item reads a tensor with one element; this one is {Shape}.");
        }

        float value = 0;
        Read(new Span<float>(ref value));
        return value;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => Interlocked.Exchange(ref _buffer, null)?.Dispose();

    /// <param name="device">Where to put it.</param>
    /// <param name="shape">Its extents.</param>
    /// <param name="type">How to store the values.</param>
    /// <param name="purpose">What it is, for the message where there is no memory for it.</param>
    internal static Tensor Allocate(Device device, Shape shape, ElementType type, string purpose = "a tensor")
    {
        ArgumentNullException.ThrowIfNull(device);
        shape.ThrowIfInvalid(nameof(shape));
        try
        {
            return new Tensor(device, shape, device.Backend.Allocate(shape.Count, type));
        }
        catch (Exception e) when (MemoryFault.Is(e))
        {
            throw MemoryFault.Explain(e, $"It was for {purpose} {shape} of {type.Name()}.");
        }
    }

    /// <summary>To be called whenever the values are overwritten: gradients that have yet to be computed from the old ones are refused.</summary>
    internal void NoteOverwriting()
    {
        Version++;
        IsRectified = false;
    }

    private void Write(ReadOnlySpan<float> values)
    {
        NoteOverwriting();
        if (ElementType == ElementType.Float32)
        {
            Backend.Upload(MemoryMarshal.AsBytes(values), Buffer);
        }
        else
        {
            ushort[] rounded = new ushort[values.Length];
            BFloat16.Round(values, rounded);
            Backend.Upload(MemoryMarshal.AsBytes(rounded.AsSpan()), Buffer);
        }

        GC.KeepAlive(this);
    }

    private void Read(Span<float> target)
    {
        if (ElementType == ElementType.Float32)
        {
            Backend.Download(Buffer, MemoryMarshal.AsBytes(target));
        }
        else
        {
            ushort[] values = new ushort[target.Length];
            Backend.Download(Buffer, MemoryMarshal.AsBytes(values.AsSpan()));
            BFloat16.Widen(values, target);
        }

        // This may be the last that anybody does with the tensor: its finalizer must not free what is being read.
        GC.KeepAlive(this);
    }

    private static void CheckCount(Shape shape, int length)
    {
        shape.ThrowIfInvalid(nameof(shape));
        if (shape.Count != length)
        {
            throw new ArgumentException($"The shape {shape} has {shape.Count} elements, but {length} values were given.");
        }
    }
}
