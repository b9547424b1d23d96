using System.Globalization;

namespace DilatedKernels.Distributed;

internal enum CallKind
{
    Barrier = 1,
    Sum,
    Gather,
    AllGather,
    Broadcast,
    OrderedSum,
    DeviceSum,
    Distribute,
}

/// <summary>What the processes do together: the same on all of them.</summary>
/// <param name="Kind">Which call.</param>
/// <param name="Length">The number of values or bytes, where it is the same everywhere; else 0.</param>
/// <param name="Detail">Root of a broadcast, parts of either sum over parts; else 0.</param>
internal readonly record struct Call(CallKind Kind, long Length, long Detail = 0)
{
    public override string ToString() => Kind switch
    {
        CallKind.Barrier => "Barrier",
        CallKind.Sum => string.Create(CultureInfo.InvariantCulture, $"Sum of {Length} values"),
        CallKind.Gather => "Gather",
        CallKind.AllGather => "AllGather",
        CallKind.Broadcast => string.Create(CultureInfo.InvariantCulture, $"Broadcast of {Length} bytes from rank {Detail}"),
        CallKind.OrderedSum => string.Create(CultureInfo.InvariantCulture, $"BeginSum of {Length} values over {Detail} parts"),
        CallKind.DeviceSum => string.Create(CultureInfo.InvariantCulture, $"sum of {Length} values between GPUs over {Detail} parts"),
        CallKind.Distribute => string.Create(CultureInfo.InvariantCulture, $"Distribute of {Length} pieces of work"),
        _ => string.Create(CultureInfo.InvariantCulture, $"unknown call {(int)Kind}"),
    };
}

/// <summary>A call with its place among the calls of the group, from 0.</summary>
internal readonly record struct NumberedCall(long Number, Call Call)
{
    // MPI promises tags up to 32767 only; so many calls are never in flight at once.
    private const int Tags = 16384;

    public int Tag => (int)(Number % Tags);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Call} as call {Number + 1}");
}

/// <summary>What goes before every message: the call it belongs to, and how long it is.</summary>
internal static class MessageHeader
{
    public const int Bytes = 5 * sizeof(long);

    public static void Write(Block header, NumberedCall call, long length)
    {
        Span<long> values = header.AsSpan<long>();
        values[0] = call.Number;
        values[1] = (long)call.Call.Kind;
        values[2] = call.Call.Length;
        values[3] = call.Call.Detail;
        values[4] = length;
    }

    public static (NumberedCall Call, long Length) Read(Block header)
    {
        Span<long> values = header.AsSpan<long>();
        return (new NumberedCall(values[0], new Call((CallKind)values[1], values[2], values[3])), values[4]);
    }
}
